import { attribute, h, keyed, say, show, svg } from './dom.js';
import { counted, number } from './format.js';
import { parkedLink } from './links.js';
import { around, graphOf, HEIGHT, keyOf, layoutOf, linesOf, WIDTH } from './topology-layout.js';

/** Number of queues that are drawn at first. */
const FIRST = 30;
const LEGEND = 'Lines: bindings with their routing keys. Dashed: dead letters, and what an exchange cannot route.';
/** Characters of a name in a node, and of the text at a line. */
const NAME = 23;
const KEYS = 21;

const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 6)}…${text.slice(-5)}`);

/**
 * The topology as a graph. It is one stop of the Tab key; the arrow keys move along lines and columns, and every node tells in
 * words what it is connected with.
 */
export function topologySection() {
  let topologies = [];
  let snapshot = { queues: [], consumers: [] };
  let drawn = '';
  let whole = false;
  let places = [];
  /** The key of the node that the Tab key reaches, and whether it was chosen by the user. */
  let current;
  let chosen = false;
  /** The state of queues and handlers, by node. */
  let states = new Map();

  const filter = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter Topology',
    on: { input: () => draw() },
  });
  const count = h('span', { class: 'count' });
  const lines = svg('g', { 'aria-hidden': 'true' });
  const nodes = svg('g');
  const ways = svg('g');
  const picture = svg(
    'svg',
    {
      class: 'topology',
      role: 'group',
      'aria-label': 'Topology: exchanges, queues and handlers. Move with the arrow keys.',
      on: { keydown: move, focusin: light, mouseover: light, focusout: dim, mouseleave: dim },
    },
    lines,
    nodes,
    ways,
  );
  const told = h('p', { class: 'told quiet', text: LEGEND });
  const all = h('button', {
    class: 'small',
    on: {
      click: () => {
        whole = !whole;
        draw();
      },
    },
  });
  const foot = h('footer', {}, all);
  const nothing = h('p', { class: 'empty', text: 'This application declares and consumes nothing.' });
  const scroll = h('div', { class: 'scroll' }, picture);
  const element = h(
    'section',
    { id: 'topology', class: 'panel', 'aria-labelledby': 'topology-title' },
    h('header', {}, h('h2', { id: 'topology-title' }, 'Topology ', count), filter),
    told,
    scroll,
    nothing,
    foot,
  );

  function draw() {
    const graph = graphOf(topologies, snapshot);
    const text = filter.value.trim().toLowerCase();
    const layout = layoutOf(graph, text, whole ? Infinity : FIRST);
    places = layout.places;
    for (const [name, value] of [
      ['viewBox', `-2 0 ${layout.width + 4} ${layout.height}`],
      ['width', layout.width + 4],
      ['height', layout.height],
    ])
      attribute(picture, name, value);
    keyed(lines, linesOf(places), ({ key }) => key, makeLine);
    keyed(nodes, places, ({ node }) => node.key, makeNode);
    const total = [...graph.values()].filter(({ kind }) => kind === 'queue').length;
    say(count, layout.queues === total ? '' : `${layout.queues} of ${counted(total, 'queue')}`);
    say(all, whole ? `Draw ${FIRST} queues only` : `Draw all ${layout.fitting} queues`);
    show(foot, layout.fitting > FIRST);
    show(filter, total > 5 || text !== '');
    show(scroll, places.length > 0);
    show(nothing, places.length === 0);
    say(nothing, graph.size > 0 ? 'Nothing fits the filter.' : 'This application declares and consumes nothing.');
    const isThere = places.some(({ node }) => node.key === current);
    drawWays();
    stopAt(isThere ? current : places[0]?.node.key);
    tellCurrent();
  }

  /** Makes one node the stop of the Tab key. */
  function stopAt(key) {
    current = key;
    for (const element of nodes.children) attribute(element, 'tabindex', element.dataset.key === key ? '0' : '-1');
  }

  function makeLine() {
    const path = svg('path', { fill: 'none' });
    const title = svg('title');
    const text = svg('text', { class: 'key', 'text-anchor': 'end' }, title, '');
    const label = text.lastChild;
    return {
      element: svg('g', { class: 'line' }, path, text),
      update({ kind, keys, path: d, text: at, from, to }) {
        const element = path.parentNode;
        attribute(element, 'data-kind', kind);
        element.ends = [from.key, to.key];
        attribute(path, 'd', d);
        attribute(text, 'x', at?.x);
        attribute(text, 'y', at?.y);
        title.textContent = keys.join(', ');
        label.data = at ? cut(keys.join(', '), KEYS) : '';
      },
    };
  }

  function makeNode({ node }) {
    const text = svg('text', { x: 10, y: HEIGHT / 2 + 4 });
    const badge = svg('text', { class: 'badge', x: WIDTH - 8, y: HEIGHT / 2 + 4, 'text-anchor': 'end' });
    const element = svg(
      'g',
      { class: `node ${node.kind}`, role: 'img', 'data-key': node.key },
      svg('rect', { width: WIDTH, height: HEIGHT, rx: node.kind === 'queue' ? 4 : HEIGHT / 2 }),
      text,
      badge,
    );
    return {
      element,
      update({ node: present, x, y }) {
        element.node = present;
        element.badge = badge;
        element.text = text;
        attribute(element, 'transform', `translate(${x} ${y - HEIGHT / 2})`);
        tell(element);
      },
    };
  }

  /** Shows the state of a node. */
  function tell(element) {
    const { node, badge, text } = element;
    const state = states.get(node.key);
    attribute(element, 'aria-label', describe(node, state));
    attribute(element, 'data-tone', toneOf(node, state));
    const mark = badgeOf(node, state);
    say(badge, isParked(state) ? '' : mark);
    say(text, cut(node.handler ?? shownName(node), NAME - (mark === '' ? 0 : mark.length + 1)));
  }

  /** Draws a link to the parked messages of each queue that has some. */
  function drawWays() {
    const there = places.filter(({ node }) => isParked(states.get(node.key)));
    keyed(ways, there, ({ node }) => node.key, makeWay);
  }

  function makeWay({ node: { connection, name } }) {
    const text = svg('text', { 'text-anchor': 'end' });
    const link = svg('a', { href: parkedLink(connection, name) }, text);
    return {
      element: link,
      update({ node, x, y }) {
        const { parked } = states.get(node.key);
        say(text, badgeOf(node, states.get(node.key)));
        attribute(link, 'aria-label', `${counted(parked, 'parked message')} of ${name}`);
        attribute(text, 'x', x + WIDTH - 8);
        attribute(text, 'y', y + 4);
      },
    };
  }

  function tellCurrent() {
    const element = [...nodes.children].find(({ node }) => node.key === current);
    say(told, element && chosen ? element.getAttribute('aria-label') : LEGEND);
  }

  function light({ target }) {
    const element = target.closest('.node');
    if (!element) return;
    chosen = true;
    stopAt(element.node.key);
    const lit = new Set([...around(element.node)].map(({ key }) => key));
    attribute(picture, 'data-lit', true);
    for (const each of nodes.children) each.classList.toggle('lit', lit.has(each.node.key));
    for (const each of lines.children)
      each.classList.toggle(
        'lit',
        each.ends.every((end) => lit.has(end)),
      );
    tellCurrent();
  }

  function dim() {
    attribute(picture, 'data-lit', false);
  }

  function move(event) {
    const from = places.find(({ node }) => node.key === current);
    const to = from && targetOf(event.key, from);
    if (!to) return;
    event.preventDefault();
    const element = [...nodes.children].find(({ node }) => node === to.node);
    stopAt(to.node.key);
    element.focus();
  }

  function targetOf(key, from) {
    const column = places.filter(({ x }) => x === from.x);
    const nearest = (list, end) => {
      const next = new Set(from.node[list].map((line) => line[end]));
      return places
        .filter(({ node }) => next.has(node) && node !== from.node)
        .sort((one, other) => Math.abs(one.y - from.y) - Math.abs(other.y - from.y))[0];
    };
    switch (key) {
      case 'ArrowDown':
        return column[column.indexOf(from) + 1];
      case 'ArrowUp':
        return column[column.indexOf(from) - 1];
      case 'ArrowRight':
        return nearest('outOf', 'to');
      case 'ArrowLeft':
        return nearest('into', 'from');
      case 'Home':
        return column[0];
      case 'End':
        return column.at(-1);
      default:
        return undefined;
    }
  }

  return {
    element,
    /** Called with what is declared, at the begin and after each change. */
    declared(next) {
      topologies = next;
      drawn = '';
    },
    update(next) {
      snapshot = next;
      const { queues, consumers } = next;
      states = new Map([
        ...queues.map((queue) => [keyOf(queue.connection, 'queue', queue.name), queue]),
        ...consumers.flatMap((consumer) =>
          consumer.handlers.map((name) => [keyOf(consumer.connection, 'handler', consumer.queue, name), consumer]),
        ),
      ]);
      const names = JSON.stringify([...states.keys()]);
      if (names !== drawn) {
        drawn = names;
        draw();
        return;
      }
      for (const each of nodes.children) tell(each);
      drawWays();
      tellCurrent();
    },
  };
}

/** The default exchange has an empty name. */
const shownName = ({ name }) => (name === '' ? '(default)' : name);

/** The text at the right side of a node. */
function badgeOf({ kind, type = '' }, state) {
  if (kind === 'exchange') return type;
  if (isParked(state)) return `${number(state.parked)} parked`;
  return kind === 'queue' && state?.ready > 0 ? number(state.ready) : '';
}

/** True for a queue with parked messages. */
const isParked = (state) => state?.parked > 0;

function toneOf({ kind }, state) {
  if (kind === 'queue') return isParked(state) ? 'bad' : undefined;
  if (kind !== 'handler' || state === undefined || state.state === 'consuming') return undefined;
  return state.state === 'paused' ? 'warn' : 'bad';
}

const countsOf = ({ ready, parked } = {}) => [
  ...(ready === undefined ? [] : [`${number(ready)} ready`]),
  ...(parked > 0 ? [`${number(parked)} parked`] : []),
];

/** Tells in words what a node is and what it is connected with. */
function describe(node, state) {
  const { kind, name, type, handler, into, outOf } = node;
  const withKeys = (keys) => (keys.length === 0 ? '' : ` with ${keys.join(', ')}`);
  const named = (end) => (end.kind === 'handler' ? end.handler : `${end.kind} ${shownName(end)}`);
  const list = (lines, of, end) =>
    lines
      .filter((line) => line.kind === of)
      .map((line) => named(line[end]) + withKeys(line.keys))
      .join('; ');
  const facts = [
    ['Gets messages of', list(into, 'binding', 'from')],
    ['Goes to', list(outOf, 'binding', 'to')],
    ['What it cannot route goes to', list(outOf, 'alternate', 'to')],
    ['Dead letters go to', list(outOf, 'dead-letter', 'to')],
    ['Gets dead letters of', list(into, 'dead-letter', 'from')],
    ['Handled by', list(outOf, 'handled', 'to')],
  ].filter(([, text]) => text !== '');
  const head =
    kind === 'handler'
      ? `${handler} handles messages of queue ${name}, ${state?.state ?? 'unknown'}`
      : kind === 'exchange'
        ? `Exchange ${shownName(node)}${type === undefined ? '' : `, ${type}`}`
        : [`Queue ${name}`, ...countsOf(state)].join(', ');
  return [head, ...facts.map((fact) => fact.join(' '))].join('. ') + '.';
}
