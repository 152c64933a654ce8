import { openDialog } from './dialog.js';
import { h, show } from './dom.js';
import { counted, time } from './format.js';
import { stateCell } from './state.js';
import { tableSection } from './table.js';

const nameOf = ({ host, pid, own }) => `${host} · process ${pid}${own ? ', this one' : ''}`;

/** The instances of the application. Hidden if the board knows none but its own process. */
export function instancesSection() {
  const section = tableSection({
    id: 'instances',
    title: 'Instances',
    empty: 'No instance is known yet.',
    keyOf: ({ id }) => id,
    find: nameOf,
    columns: [
      { title: 'Instance', cell: nameOf },
      {
        title: 'State',
        make: () =>
          stateCell(
            ({ missed }) => (missed > 0 ? 'silent' : 'answers'),
            ({ missed }) => (missed > 0 ? `no answer to ${counted(missed, 'question')}` : ''),
          ),
      },
      {
        title: 'Consumers',
        cell: ({ states }) =>
          Object.entries(states)
            .map(([state, count]) => `${count} ${state}`)
            .join(', '),
      },
      { title: 'Since', cell: ({ since }) => time(since) },
      { title: 'nest-amqp', cell: ({ version }) => version },
    ],
  });
  show(section.element, false);
  return {
    element: section.element,
    update({ instances }) {
      show(section.element, instances !== undefined);
      section.update(instances ?? []);
    },
  };
}

const WORDS = {
  done: 'done',
  absent: 'has no such consumer',
  failed: 'failed',
  silent: 'did not answer',
};

/** Shows what became of a change at each instance, the troubles first. @param done what the consumer is then */
export function showResults(done, results) {
  const order = ['silent', 'failed', 'absent', 'done'];
  const sorted = [...results].sort((one, other) => order.indexOf(one.outcome) - order.indexOf(other.outcome));
  const count = results.filter(({ outcome }) => outcome === 'done').length;
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'results-title' },
    h(
      'div',
      { class: 'results' },
      h('h2', { id: 'results-title', text: `${done} in ${count} of ${counted(results.length, 'instance')}` }),
      h(
        'ul',
        {},
        sorted.map((one) => {
          const cell = stateCell(
            () => WORDS[one.outcome],
            () => one.reason,
          );
          cell.update();
          return h('li', {}, h('span', { class: 'mono', text: nameOf(one) }), cell.element);
        }),
      ),
      h('div', { class: 'row end' }, h('button', { class: 'main', text: 'Close', on: { click: () => close() } })),
    ),
  );
  const close = openDialog(dialog);
}
