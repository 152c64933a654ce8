/** Finds what a drawing of the topology shows, and where: exchanges on the left, then queues, then handlers. */

const ROW = 36;
/** Distance of the ends of two lines at one node. */
const SLOT = 15;
const GAP = 170;
const HANDLER_GAP = 50;
export const WIDTH = 200;
export const HEIGHT = 26;

export const keyOf = (connection, kind, name, handler = '') => JSON.stringify([connection, kind, name, handler]);

/**
 * Joins what is declared and what is consumed.
 *
 * @returns `nodes` by key, each with `into` and `outOf`, the lines that end and begin there
 */
export function graphOf(topologies, { queues, consumers }) {
  const nodes = new Map();
  const lines = new Map();
  const node = (connection, kind, name, more = {}) => {
    const key = keyOf(connection, kind, name, more.handler);
    if (!nodes.has(key)) nodes.set(key, { key, connection, kind, name, type: undefined, into: [], outOf: [], ...more });
    return nodes.get(key);
  };
  const connect = (kind, from, to, text) => {
    const key = `${kind} ${from.key} ${to.key}`;
    let line = lines.get(key);
    if (!line) {
      lines.set(key, (line = { key, kind, from, to, keys: [] }));
      from.outOf.push(line);
      to.into.push(line);
    }
    if (text) line.keys.push(text);
  };
  for (const { connection, exchanges, links } of topologies) {
    for (const { name, type } of exchanges) node(connection, 'exchange', name, { type });
    for (const { kind, from, to, key } of links) {
      connect(kind, node(connection, from.kind, from.name), node(connection, to.kind, to.name), key);
    }
  }
  for (const { connection, name } of queues) node(connection, 'queue', name);
  for (const { connection, queue, handlers } of consumers) {
    const from = node(connection, 'queue', queue);
    for (const handler of handlers) connect('handled', from, node(connection, 'handler', queue, { handler }));
  }
  return nodes;
}

/** Returns the nodes that messages reach from `node`, or that they come from. @param ends `['outOf', 'to']` or `['into', 'from']` */
function reach(node, [lines, end], found = new Set()) {
  for (const line of node[lines]) {
    if (found.has(line[end])) continue;
    found.add(line[end]);
    reach(line[end], [lines, end], found);
  }
  return found;
}

const DOWN = ['outOf', 'to'];
const UP = ['into', 'from'];

/** Returns `node` with all that messages come from and go to. */
export const around = (node) => new Set([node, ...reach(node, UP), ...reach(node, DOWN)]);

const wordsOf = ({ name, handler = '', into }) =>
  [name, handler, ...into.flatMap(({ keys }) => keys)].join(' ').toLowerCase();

/**
 * Places the nodes that fit.
 *
 * @param words a part of a name or a routing key; empty for all
 * @param most the largest number of queues
 * @returns `{ places, width, height, queues, fitting }`; `places` has `{ node, x, y }` for each node of the drawing
 */
export function layoutOf(nodes, words, most) {
  const all = [...nodes.values()];
  const found = words === '' ? all : all.filter((node) => wordsOf(node).includes(words));
  const wanted = words === '' ? new Set(all) : new Set(found.flatMap((node) => [...around(node)]));
  const queues = [...wanted].filter(({ kind }) => kind === 'queue').sort(bySource);
  const shown = queues.slice(0, most);
  const isCut = shown.length < queues.length;
  const kept = isCut ? new Set(shown.flatMap((queue) => [...around(queue)])) : wanted;
  const exchanges = [...kept].filter(({ kind }) => kind === 'exchange');

  const y = new Map();
  let bottom = 0;
  for (const queue of shown) {
    const handlers = queue.outOf.filter(({ kind }) => kind === 'handled').map(({ to }) => to);
    const height = Math.max(ROW * Math.max(1, handlers.length), SLOT * queue.into.length + 12);
    y.set(queue, bottom + height / 2);
    for (const [index, handler] of handlers.entries()) {
      y.set(handler, bottom + height / 2 + (index - (handlers.length - 1) / 2) * ROW);
    }
    bottom += height;
  }

  const depths = new Map();
  for (const exchange of exchanges) depthOf(exchange, kept, depths, new Set());
  const columns = Array.from({ length: 1 + Math.max(-1, ...depths.values()) }, () => []);
  for (const exchange of exchanges) columns[depths.get(exchange)].push(exchange);
  for (const column of columns) {
    for (const exchange of column) y.set(exchange, mean(exchange.outOf.map(({ to }) => y.get(to))) ?? bottom);
    column.sort((one, other) => y.get(one) - y.get(other));
    let edge = 0;
    for (const exchange of column) {
      const height = Math.max(ROW, SLOT * exchange.into.length + 12);
      y.set(exchange, Math.max(y.get(exchange), edge + height / 2));
      edge = y.get(exchange) + height / 2;
    }
    bottom = Math.max(bottom, edge);
  }

  const queueX = columns.length * (WIDTH + GAP);
  const xOf = (node) =>
    node.kind === 'exchange'
      ? (columns.length - 1 - depths.get(node)) * (WIDTH + GAP)
      : node.kind === 'queue'
        ? queueX
        : queueX + WIDTH + HANDLER_GAP;
  const places = [...y].map(([node, at]) => ({ node, x: xOf(node), y: Math.round(at) }));
  places.sort((one, other) => one.x - other.x || one.y - other.y);
  return {
    places,
    width: queueX + 2 * WIDTH + HANDLER_GAP,
    height: bottom,
    queues: shown.length,
    fitting: queues.length,
  };
}

/** Queues of one exchange are neighbours. */
function bySource(one, other) {
  const text = ({ connection, into, name }) => [connection, into[0]?.from.name ?? '\uffff', name].join('\n');
  return text(one) < text(other) ? -1 : 1;
}

/** Number of exchanges on the longest way from an exchange to its queues. A circle ends where it begins. */
function depthOf(exchange, kept, depths, path) {
  if (depths.has(exchange)) return depths.get(exchange);
  if (path.has(exchange)) return -1;
  path.add(exchange);
  const next = exchange.outOf
    .filter(({ to }) => to.kind === 'exchange' && kept.has(to))
    .map(({ to }) => depthOf(to, kept, depths, path));
  path.delete(exchange);
  const depth = 1 + Math.max(-1, ...next);
  depths.set(exchange, depth);
  return depth;
}

function mean(values) {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Returns the lines between placed nodes, each with its `path`, and the place `{ x, y }` of its text. */
export function linesOf(places) {
  const at = new Map(places.map((place) => [place.node, place]));
  const slot = (list, line, y) => {
    const shown = list.filter(({ from, to }) => at.has(from) && at.has(to));
    return y + (shown.indexOf(line) - (shown.length - 1) / 2) * SLOT;
  };
  return places.flatMap(({ node, x, y }) =>
    node.into
      .filter(({ from }) => at.has(from))
      .map((line) => {
        const from = at.get(line.from);
        const endY = slot(node.into, line, y);
        // A way back begins at the left side.
        const isBack = from.x >= x;
        const begin = isBack ? from.x : from.x + WIDTH;
        const end = isBack && from.x > x ? x + WIDTH : x;
        const bend = isBack && from.x === x ? -60 : (end - begin) / 2;
        const other = isBack && from.x === x ? end + bend : end - bend;
        return {
          ...line,
          path: `M${begin} ${from.y}C${begin + bend} ${from.y} ${other} ${endY} ${end} ${endY}`,
          text: isBack ? undefined : { x: end - 10, y: endY - 4 },
        };
      }),
  );
}
