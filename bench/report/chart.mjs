import { OURS } from '../clients.mjs';
import { svg } from './svg.mjs';

const WIDTH = 860;
const LABEL_WIDTH = 130;
const VALUE_WIDTH = 70;
const BAR = 14;
const GAP = 5;
const targetTitles = { sink: 'the sink', rabbitmq: 'RabbitMQ' };
const OWN_COLOUR = '#2f6fde';
const COLOURS = ['#9aa5b1', '#b7c0c9', '#cfd6dc'];

/**
 * Draws the CPU time per message on `target` as bars, one group per case with peers and messages. Each group has its own scale;
 * shorter is better.
 */
export function drawChart(summary, target) {
  const parts = [];
  let y = 30;
  const charted = ({ figures }) => Object.keys(figures).length > 1 && Object.values(figures).every(({ cpu }) => cpu);
  for (const { title, figures } of summary.filter(charted)) {
    // Our client comes first; the samples come in the order of the turns.
    const clients = Object.entries(figures).sort(([a], [b]) => Number(b === OURS) - Number(a === OURS));
    const most = Math.max(...clients.map(([, { cpu }]) => cpu.median));
    parts.push(text(0, y, title, 'font-weight="600"'));
    y += 10;
    for (const [index, [client, { cpu }]] of clients.entries()) {
      const colour = client === OURS ? OWN_COLOUR : COLOURS[index % COLOURS.length];
      const length = (cpu.median / most) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
      const own = client === OURS ? 'font-weight="600"' : '';
      parts.push(
        text(LABEL_WIDTH - 8, y + BAR - 3, client, `text-anchor="end" ${own}`),
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
        text(LABEL_WIDTH + length + 6, y + BAR - 3, `${Number(cpu.median.toPrecision(2))} µs`, own),
      );
      y += BAR + GAP;
    }
    y += 26;
  }
  const heading = text(0, 14, `CPU of the client per message, in front of ${targetTitles[target]}`);
  return svg(WIDTH, y, 12, `${heading}\n${parts.join('\n')}`);
}

function text(x, y, content, attributes = '') {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${content}</text>`;
}
