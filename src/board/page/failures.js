import { h, keyed, say, show } from './dom.js';
import { ago, duration, time } from './format.js';

const CONSEQUENCES = {
  retry: ({ delay }) => `retried in ${duration(delay)}`,
  park: () => 'parked',
  'dead-letter': () => 'rejected',
  requeue: () => 'requeued',
  discard: () => 'discarded',
  answer: () => 'answered with the error',
  stop: () => 'the consumer stops',
  settled: () => 'settled by the handler',
};
const KEPT = 50;
/** Number that are shown at first. */
const FIRST = 8;

/** The last failed attempts, newest first. */
export function failuresSection() {
  let failures = [];
  let present = 0;
  let whole = false;
  const all = h('button', { class: 'small', on: { click: showAll } });
  const foot = h('footer', {}, all);
  const list = h('ol', { class: 'failures' });
  const nothing = h('p', { class: 'empty', text: 'No handler has failed since the application started.' });
  const element = h(
    'section',
    { id: 'failures', class: 'panel' },
    h('header', {}, h('h2', { text: 'Last failures' })),
    list,
    foot,
    nothing,
  );

  function showAll() {
    whole = !whole;
    draw();
  }

  function draw() {
    const shown = whole ? failures : failures.slice(0, FIRST);
    keyed(list, shown, ({ number }) => number, makeEntry);
    say(all, whole ? `Show the last ${FIRST} only` : `Show all ${failures.length}`);
    show(foot, failures.length > FIRST);
    show(nothing, failures.length === 0);
  }

  function makeEntry(failure) {
    const when = h('time', { class: 'quiet', title: time(failure.at) });
    return { element: entry(failure, when), update: ({ at }) => say(when, ago(at, present)) };
  }

  return {
    element,
    add(next) {
      const known = new Set(failures.map(({ number }) => number));
      failures = [...next.filter(({ number }) => !known.has(number)).reverse(), ...failures].slice(0, KEPT);
    },
    /** Forgets those of an earlier process. */
    clear() {
      failures = [];
    },
    /** @param now ms since 1970, of the server */
    update(now) {
      present = now;
      draw();
    },
  };
}

function entry(failure, when) {
  const { handler, queue, messageId, attempt, reason, stack, decision } = failure;
  const head = [
    h('span', { class: 'reason', text: reason }),
    h('span', {
      class: 'pill',
      'data-tone': decision === 'retry' ? 'warn' : 'bad',
      text: CONSEQUENCES[decision]?.(failure) ?? decision,
    }),
    when,
    h('span', {
      class: 'where mono',
      text: `${handler} · ${queue} · attempt ${attempt}${messageId === undefined ? '' : ` · ${messageId}`}`,
    }),
  ];
  if (stack === undefined) return h('li', {}, h('div', { class: 'head' }, head));
  return h(
    'li',
    {},
    h('details', {}, h('summary', { class: 'head' }, head), h('pre', { class: 'stacktrace', text: stack })),
  );
}
