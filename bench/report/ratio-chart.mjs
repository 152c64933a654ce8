import { escaped, svg } from './svg.mjs';

const WIDTH = 860;
const LABEL_WIDTH = 400;
const VALUE_WIDTH = 60;
const BAR = 13;
const ROW = 20;
const TOP = 46;
/** The ratio at the right edge; longer bars end there. */
const MOST = 1.5;
const WITHIN = '#2f6fde';
const OVER = '#d97706';

/**
 * Draws ratios as bars, with a line at 1, where both clients take the same, and a mark at each limit.
 *
 * @param {string} title
 * @param {{ label: string, ratio: number, atMost?: number }[]} rows
 */
export function drawRatios(title, rows) {
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / MOST;
  const height = TOP + rows.length * ROW + 8;
  const even = (LABEL_WIDTH + scale).toFixed(1);
  const parts = [
    `<text x="0" y="16" font-weight="600">${escaped(title)}</text>`,
    `<text x="${even}" y="${TOP - 8}" text-anchor="middle" fill="#555">1 = the peer</text>`,
    `<line x1="${even}" x2="${even}" y1="${TOP - 4}" y2="${height - 4}" stroke="#999" stroke-dasharray="3 3"/>`,
  ];
  for (const [index, { label, ratio, atMost }] of rows.entries()) {
    const y = TOP + index * ROW;
    const length = Math.min(ratio, MOST) * scale;
    const colour = atMost !== undefined && ratio > atMost ? OVER : WITHIN;
    parts.push(
      `<text x="${LABEL_WIDTH - 8}" y="${y + BAR - 2}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
      `<text x="${WIDTH - VALUE_WIDTH + 8}" y="${y + BAR - 2}">${Number(ratio.toPrecision(2))}</text>`,
    );
    if (atMost === undefined) continue;
    const at = (LABEL_WIDTH + atMost * scale).toFixed(1);
    parts.push(`<line x1="${at}" x2="${at}" y1="${y - 2}" y2="${y + BAR + 2}" stroke="#111" stroke-width="2"/>`);
  }
  return svg(WIDTH, height, 12, parts.join('\n'));
}
