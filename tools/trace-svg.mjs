/**
 * Draws spans as a waterfall: a row for each, below its parent; its time as a bar; links that say more than the parent as arrows.
 *
 * @typedef {object} Span
 * @property {string} id
 * @property {string} trace
 * @property {string | undefined} parent
 * @property {string} name
 * @property {'internal' | 'server' | 'client' | 'producer' | 'consumer'} kind
 * @property {number | undefined} attempt
 * @property {string | undefined} error
 * @property {readonly { to: string, what: string | undefined }[]} links
 * @property {number} start ms
 * @property {number} end ms
 */

const WIDTH = 940;
const LABELS = 250;
const TIME = 520;
const ROW = 30;
const TOP = 46;
const BAR = 14;
const LEAST_BAR = 4;
const INDENT = 16;
const LINK_WORDS = { first_attempt: 'first attempt', copy: 'copy' };

/** The picture has a background of its own, so it is readable on any page; it follows the reader's choice of light and dark. */
const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .page { fill: #ffffff } .faint { fill: #59636e; font-size: 11px } .failed { fill: #c0262d }
    .grid { stroke: #d1d9e0 } .link { fill: none; stroke: #59636e; stroke-dasharray: 4 3 } .head { fill: #59636e }
    .internal { fill: #8c959f } .producer { fill: #2f6fde } .consumer { fill: #1a7f37 } .client { fill: #9a6700 }
    .error { stroke: #c0262d; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .page { fill: #0d1117 } .faint { fill: #9198a1 } .failed { fill: #ff7b72 }
      .grid { stroke: #3d444d } .link { stroke: #9198a1 } .head { fill: #9198a1 }
      .internal { fill: #6e7681 } .producer { fill: #58a6ff } .consumer { fill: #3fb950 } .client { fill: #d29922 }
      .error { stroke: #ff7b72 }
    }`;

/** @param {readonly Span[]} spans */
export function drawTrace(spans) {
  const rows = inOrder(spans);
  const begin = Math.min(...spans.map(({ start }) => start));
  const whole = Math.max(...spans.map(({ end }) => end)) - begin;
  const at = (time) => LABELS + ((time - begin) / whole) * TIME;
  const places = new Map(
    rows.map(({ span }, index) => {
      const left = at(span.start);
      const width = Math.max(LEAST_BAR, at(span.end) - left);
      return [span.id, { left, right: left + width, middle: TOP + index * ROW + ROW / 2 }];
    }),
  );
  const height = TOP + rows.length * ROW + 44;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    '<title>The spans of one message: published, retried, parked, redriven</title>',
    `<style>${STYLE}\n</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
    '<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...scale(whole, at, begin, height),
    ...rows.map((row) => drawRow(row, places.get(row.span.id))),
    ...spans.flatMap((span) => drawLinks(span, places)),
    legend(height - 16),
    '</svg>',
    '',
  ].join('\n');
}

/** Returns the spans with their depth, each below its parent, in the order in which they began. */
function inOrder(spans) {
  const ids = new Set(spans.map(({ id }) => id));
  const below = (parent) =>
    spans
      .filter((span) => (parent ? span.parent === parent.id : !ids.has(span.parent)))
      .sort((a, b) => a.start - b.start);
  const walk = (parent, depth) => below(parent).flatMap((span) => [{ span, depth }, ...walk(span, depth + 1)]);
  return walk(undefined, 0);
}

function drawRow({ span, depth }, { left, right, middle }) {
  const { name, kind, attempt, error } = span;
  const facts = [attempt && `attempt ${attempt}`, error].filter(Boolean).join(', ');
  const width = (right - left).toFixed(1);
  const bar = `<rect class="${kind}${error ? ' error' : ''}" x="${left.toFixed(1)}" y="${middle - BAR / 2}" width="${width}" height="${BAR}" rx="2"/>`;
  const note = facts && text(right + 6, middle + 4, facts, error ? 'failed' : 'faint');
  return [text(12 + depth * INDENT, middle + 4, name), bar, note].filter(Boolean).join('\n');
}

/** Draws the links that have a word of ours. The others lead to the parent of the span. */
function drawLinks({ id, links }, places) {
  const from = places.get(id);
  return links
    .filter(({ to, what }) => what !== undefined && places.has(to))
    .map(({ to, what }) => {
      const target = places.get(to);
      const down = target.middle > from.middle ? 1 : -1;
      const [x, y] = [from.left - 2, from.middle];
      const [endX, endY] = [(target.left + target.right) / 2, target.middle - (down * BAR) / 2 - down];
      const numbers = [x, y, x - 30, y, endX, endY - down * 24, endX, endY].map((number) => number.toFixed(1));
      const path = `M${numbers.slice(0, 2).join(' ')} C${numbers.slice(2).join(' ')}`;
      return `<path class="link" d="${path}" marker-end="url(#head)"><title>link: ${LINK_WORDS[what] ?? what}</title></path>`;
    });
}

function scale(whole, at, begin, height) {
  const step = [5, 10, 20, 50, 100, 200, 500, 1_000].find((ms) => whole / ms <= 8) ?? whole / 8;
  const ticks = Array.from({ length: Math.floor(whole / step) + 1 }, (_, index) => index * step);
  return ticks.flatMap((ms) => {
    const x = at(begin + ms).toFixed(1);
    return [
      `<path class="grid" d="M${x} ${TOP - 8}V${height - 40}"/>`,
      text(Number(x), TOP - 16, `${ms} ms`, 'faint', 'middle'),
    ];
  });
}

function legend(y) {
  const kinds = [
    ['internal', 'the application’s own'],
    ['producer', 'PRODUCER'],
    ['consumer', 'CONSUMER'],
    ['client', 'CLIENT'],
  ];
  const boxes = kinds.map(([kind, word], index) => {
    const x = 12 + index * 150;
    return `<rect class="${kind}" x="${x}" y="${y - 10}" width="12" height="12" rx="2"/>${text(x + 18, y, word, 'faint')}`;
  });
  const line = `<path class="link" d="M612 ${y - 4}h28" marker-end="url(#head)"/>`;
  return [...boxes, line, text(648, y, 'link: to the first attempt, to the copy that it got', 'faint')].join('\n');
}

function text(x, y, content, className = '', anchor = 'start') {
  const shown = String(content).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const classes = className ? ` class="${className}"` : '';
  const place = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text${classes} x="${x.toFixed(1)}" y="${y}"${place}>${shown}</text>`;
}
