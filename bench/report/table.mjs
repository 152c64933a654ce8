/** Formats the figures of one target as a Markdown table, followed by the ratios. */
export function formatTable(summary) {
  const figures = [
    ['case', 'client', 'CPU µs/msg', 'msg/s', 'p50 µs', 'p99 µs', 'peak MiB', 'heap KiB', 'resident KiB'],
  ];
  for (const { name, figures: byClient } of summary) {
    for (const [client, metrics] of Object.entries(byClient)) {
      const { cpu, wall, p50, p99, rss, heap, resident } = metrics;
      const memory = [mebibytes(rss), kibibytes(heap), kibibytes(resident)];
      figures.push([name, client, range(cpu), rate(wall), range(p50), range(p99), ...memory]);
    }
  }
  const ratios = [['case', 'ratio of', 'against', 'measured', 'at most', '']];
  for (const { name, against, ratios: byMetric } of summary) {
    for (const [metric, ratio] of Object.entries(byMetric)) {
      const reference = metric === 'rssGrowth' ? 'its beginning' : (against ?? 'best peer');
      const { atMost, median } = ratio;
      const held = atMost === undefined ? ['', ''] : [number(atMost), median <= atMost ? 'reached' : 'missed'];
      ratios.push([name, labels[metric], reference, range(ratio), ...held]);
    }
  }
  return `${markdown(withoutEmptyColumns(figures))}\n\n${markdown(ratios)}\n`;
}

/** The metrics by their names in tables. */
export const labels = {
  cpu: 'CPU',
  wall: 'time',
  p50: 'p50',
  p99: 'p99',
  rss: 'peak memory',
  rssGrowth: 'memory',
  heap: 'heap',
  resident: 'resident memory',
};

function withoutEmptyColumns([head, ...rows]) {
  const used = head.map((_, column) => rows.some((row) => row[column] !== ''));
  return [head, ...rows].map((row) => row.filter((_, column) => used[column]));
}

export function range(figures) {
  if (!figures) return '';
  const { median, min, max } = figures;
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}

function rate(wall) {
  return wall ? Math.round(1_000_000 / wall.median).toLocaleString('en') : '';
}

function mebibytes(rss) {
  return rss ? Math.round(rss.median / 1024 / 1024).toString() : '';
}

function kibibytes(bytes) {
  return bytes ? number(bytes.median / 1024) : '';
}

/** Formats a number with three significant digits. */
export function number(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3)).toString();
}

export function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}
