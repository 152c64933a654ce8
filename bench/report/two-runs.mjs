/**
 * Prints the tables of two runs as Markdown, for docs/performance.md, and draws the ratios of both in front of RabbitMQ:
 *
 *     node bench/report/two-runs.mjs <results.json,…> <results.json,…> <chart.svg>
 *
 * Each of the first two arguments is one run; its targets may be in several files.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { OURS } from '../clients.mjs';
import { drawRatios } from './ratio-chart.mjs';
import { labels, markdown, number, range } from './table.mjs';

const titles = { sink: 'On the sink', rabbitmq: 'On RabbitMQ' };
/** How figures are written, by metric: divided by a size, with a unit. */
const UNITS = {
  cpu: [1, 'µs'],
  wall: [1000, 'ms'],
  p50: [1, 'µs'],
  p99: [1, 'µs'],
  rss: [1 << 20, 'MiB'],
  heap: [1024, 'KiB'],
  resident: [1024, 'KiB'],
};

const [first, second] = process.argv.slice(2, 4).map((files) => {
  return Object.assign({}, ...files.split(',').map((file) => JSON.parse(readFileSync(file, 'utf8'))));
});
const chart = process.argv[4];

for (const target of Object.keys(titles)) {
  if (!first[target]) continue;
  const loads = [first, second].map((run) => range(run[target]?.loads)).join(' and ');
  console.log(`${titles[target]}, load average ${loads}:\n\n${markdown(rowsOf(target))}\n`);
}
if (chart && first.rabbitmq) {
  const title = 'CPU time, boot and memory of nest-amqp, as a part of the best peer’s, on RabbitMQ (mark: the limit)';
  writeFileSync(chart, drawRatios(title, chartRows()));
}

function rowsOf(target) {
  const rows = [['case', 'of', 'ours', 'peer', 'at most', 'first run', 'second run', '']];
  for (const { name, against, ratios, figures } of first[target].summary) {
    const again = find(second, target, name);
    for (const [metric, ratio] of Object.entries(ratios)) {
      const other = again?.ratios[metric];
      const { atMost } = ratio;
      const limit = atMost === undefined ? '' : number(atMost);
      const peer = metric === 'rssGrowth' ? '' : peerFigure(target, figures, against, metric);
      const of = labels[metric] + (first[target].summary.some((one) => one.name === against) ? ` / ${against}` : '');
      const own = figure(figures[OURS][metric], metric);
      rows.push([name, of, own, peer, limit, range(ratio), other ? range(other) : '', verdict(ratio, other)]);
    }
  }
  return rows;
}

/** Returns the figure of the peer that the ratio compares with, or of our own other case. */
function peerFigure(target, figures, against, metric) {
  const own = first[target].summary.find((one) => one.name === against);
  if (own) return figure(own.figures[OURS][metric], metric);
  const peers = Object.entries(figures).filter(([client]) => (against ? client === against : client !== OURS));
  const [name, best] = peers.sort(([, one], [, other]) => one[metric].median - other[metric].median)[0];
  return `${figure(best[metric], metric)} ${name}`;
}

function figure({ median }, metric) {
  const [size, unit] = UNITS[metric] ?? [1, ''];
  return `${number(median / size)} ${unit}`.trim();
}

function verdict({ atMost, median }, other) {
  if (atMost === undefined) return '';
  if (!other) return median <= atMost ? 'reached in one run' : 'missed in one run';
  return ['missed', 'once', 'reached'][[median, other.median].filter((one) => one <= atMost).length];
}

/** The first ratio of each case that is no peak memory, as the mean of both runs. */
function chartRows() {
  return first.rabbitmq.summary.flatMap(({ name, title, ratios }) => {
    const again = find(second, 'rabbitmq', name);
    return Object.entries(ratios)
      .filter(([metric]) => ['cpu', 'wall', 'heap', 'p99'].includes(metric))
      .slice(0, 1)
      .map(([metric, { median, atMost }]) => {
        const ratio = (median + (again?.ratios[metric]?.median ?? median)) / 2;
        return { label: `${title}${metric === 'p99' ? ': p99' : ''}`, ratio, atMost };
      });
  });
}

function find(run, target, name) {
  return run[target]?.summary.find((one) => one.name === name);
}
