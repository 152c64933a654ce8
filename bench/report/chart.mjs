import { OURS } from '../clients.mjs';

const WIDTH = 860;
const LABEL_WIDTH = 130;
const VALUE_WIDTH = 70;
const BAR = 14;
const GAP = 5;
const targetTitles = { sink: 'the sink', rabbitmq: 'RabbitMQ' };
const OWN_COLOUR = '#2f6fde';
const COLOURS = ['#9aa5b1', '#b7c0c9', '#cfd6dc'];

/**
 * Draws the CPU time per message on `target` as bars, one group per case with peers. Each group has its own scale; shorter is
 * better.
 */
export function drawChart(summary, target) {
  const parts = [];
  let y = 30;
  for (const { title, figures } of summary.filter(({ figures: byClient }) => Object.keys(byClient).length > 1)) {
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
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="12">`;
  const background = '<rect width="100%" height="100%" fill="#fff"/>';
  return `${head}\n${background}\n${text(0, 14, `CPU of the client per message, in front of ${targetTitles[target]}`)}\n${parts.join('\n')}\n</svg>\n`;
}

function text(x, y, content, attributes = '') {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${content}</text>`;
}
