/**
 * Draws flame graphs of `--cpu-prof` files as SVG, beside them, and prints the functions with the most time of their own:
 *
 *     node bench/report/flame.mjs <file.cpuprofile> …
 *
 * The callers are above. A bar's width is its part of the time in which the process did not wait; its title tells name, place and times. Blue is nest-amqp, violet
 * other packages, green Node's own JavaScript, grey the rest: native code, garbage collection, compilation.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foldProfile, hottest } from './cpu-profile.mjs';
import { escaped, svg } from './svg.mjs';

const WIDTH = 1200;
const ROW = 17;
const TOP = 24;
/** Bars that are narrower are left out, and texts that would be shorter. */
const LEAST_WIDTH = 0.4;
const LEAST_TEXT = 3;
const CHARACTER_WIDTH = 6.2;
const HOTTEST = 15;
const COLOURS = { ours: '#9dbcf2', package: '#cdb7ea', node: '#b5dcb8', rest: '#d6d9dd' };

/** Draws one profile. Returns the SVG. @param {import('./cpu-profile.mjs').Frame} root @param {string} title */
export function drawFlame(root, title) {
  const bars = [];
  let depth = 0;
  const scale = WIDTH / root.total;
  const draw = (frame, x, row) => {
    depth = Math.max(depth, row);
    bars.push(bar(frame, x, TOP + row * ROW, frame.total * scale, root.total));
    let at = x;
    for (const callee of [...frame.callees.values()].sort((one, other) => other.total - one.total)) {
      if (callee.total * scale < LEAST_WIDTH) continue;
      draw(callee, at, row + 1);
      at += callee.total * scale;
    }
  };
  draw(root, 0, 0);
  const heading = `<text x="4" y="16" font-size="13">${escaped(title)}: ${milliseconds(root.total)} at work</text>`;
  return svg(WIDTH, TOP + (depth + 1) * ROW, 11, `${heading}\n${bars.join('\n')}`);
}

function bar(frame, x, y, width, whole) {
  const { name, place, self, total } = frame;
  const label = `${name} ${place}`.trim();
  const title = `${label}: ${milliseconds(total)}, ${percent(total / whole)}; itself ${percent(self / whole)}`;
  const room = Math.floor((width - 4) / CHARACTER_WIDTH);
  const shown = label.length <= room ? label : label.slice(0, Math.max(0, room - 1));
  const text =
    room < LEAST_TEXT
      ? ''
      : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}" pointer-events="none">${escaped(shown)}</text>`;
  const size = `x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}"`;
  return `<rect ${size} fill="${COLOURS[kindOf(frame)]}"><title>${escaped(title)}</title></rect>${text}`;
}

function kindOf({ url }) {
  if (url === '') return 'rest';
  if (url.startsWith('node:')) return 'node';
  return url.includes('/node_modules/') ? 'package' : 'ours';
}

const milliseconds = (microseconds) => `${Math.round(microseconds / 1000).toLocaleString('en')} ms`;
const percent = (part) => `${(part * 100).toFixed(1)} %`;

/** Draws the flame graph of a file, beside it. Returns its functions with the most time of their own, as text. */
export function drawProfile(file) {
  const root = foldProfile(file);
  const name = basename(file, '.cpuprofile');
  writeFileSync(file.replace(/\.cpuprofile$/, '.svg'), drawFlame(root, name));
  const lines = hottest(root, HOTTEST).map(({ what, part }) => `${percent(part).padStart(7)}  ${what}`);
  return `${name}, time of each function itself:\n${lines.join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of process.argv.slice(2)) console.log(drawProfile(file));
}
