import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * A function in a profile, below its callers. Times are µs of samples.
 *
 * @typedef {{ name: string, place: string, url: string, self: number, total: number, callees: Map<string, Frame> }} Frame
 */

/** V8's name for the time in which the process waits. */
const IDLE = '(idle)';

/** Reads a file of `--cpu-prof` and folds its stacks: calls of one function by the same callers become one frame. @returns {Frame} */
export function foldProfile(file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  const selfTimes = new Map();
  for (const [index, id] of samples.entries()) selfTimes.set(id, (selfTimes.get(id) ?? 0) + timeDeltas[index]);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root = frameOf(nodes[0]);
  const fold = (frame, { id, children = [] }) => {
    frame.self += selfTimes.get(id) ?? 0;
    for (const child of children.map((one) => byId.get(one))) {
      if (child.callFrame.functionName === IDLE) continue;
      const key = keyOf(child);
      if (!frame.callees.has(key)) frame.callees.set(key, frameOf(child));
      fold(frame.callees.get(key), child);
    }
  };
  fold(root, nodes[0]);
  addTotals(root);
  return root;
}

/** Returns the functions with the most time of their own, wherever they are called from. */
export function hottest(root, count) {
  const functions = new Map();
  const visit = (frame) => {
    const key = `${frame.name} ${frame.place}`;
    functions.set(key, (functions.get(key) ?? 0) + frame.self);
    for (const callee of frame.callees.values()) visit(callee);
  };
  visit(root);
  return [...functions]
    .sort(([, one], [, other]) => other - one)
    .slice(0, count)
    .map(([what, self]) => ({ what, part: self / root.total }));
}

function keyOf({ callFrame: { functionName, url, lineNumber, columnNumber } }) {
  return [functionName, url, lineNumber, columnNumber].join(' ');
}

function frameOf({ callFrame: { functionName, url, lineNumber } }) {
  const place = url ? `${url.startsWith('node:') ? url : basename(url)}:${lineNumber + 1}` : '';
  return { name: functionName || '(anonymous)', place, url, self: 0, total: 0, callees: new Map() };
}

function addTotals(frame) {
  frame.total = frame.self;
  for (const callee of frame.callees.values()) frame.total += addTotals(callee);
  return frame.total;
}
