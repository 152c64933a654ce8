import { attribute, h, say, show } from './dom.js';
import { ago, number } from './format.js';
import { parkedLink } from './links.js';
import { tableSection } from './table.js';

/** The queues. What only a management API tells is there if the board has one. */
export function queuesSection() {
  const section = tableSection({
    id: 'queues',
    title: 'Queues',
    empty: 'This application consumes and declares no queue.',
    keyOf: ({ connection, name }) => JSON.stringify([connection, name]),
    find: ({ name, connection }) => `${name} ${connection}`,
    // Parked messages first; the server sorts by name.
    order: (one, other) => (other.parked ?? 0) - (one.parked ?? 0),
    columns: [
      { title: 'Queue', make: nameCell },
      { title: 'Ready', number: true, cell: ({ ready }) => number(ready) },
      { title: 'Oldest ready', kind: 'api', number: true, cell: ({ oldest, at }) => ago(oldest, at) },
      { title: 'Unacked', kind: 'api', number: true, cell: ({ unacked }) => number(unacked) },
      { title: 'Consumers', number: true, cell: ({ consumers }) => number(consumers) },
      { title: 'Parked', number: true, make: parkedCell },
    ],
  });
  const { element } = section;
  const problem = h('p', { class: 'problem reason' });
  element.querySelector('header').after(problem);
  return {
    element,
    update({ queues, management, at }) {
      attribute(element, 'data-api', management !== undefined);
      say(problem, `management API: ${management?.problem}`);
      show(problem, management?.problem !== undefined);
      section.update(queues.map((queue) => ({ ...queue, at })));
    },
  };
}

function nameCell() {
  const name = h('b', { class: 'mono' });
  const more = h('span', { class: 'quiet' });
  return {
    element: h('div', { class: 'stack' }, name, more),
    update(queue) {
      say(name, queue.name);
      say(more, queue.problem ?? (queue.connection === 'default' ? '' : queue.connection));
    },
  };
}

function parkedCell({ connection, name }) {
  const link = h('a', { class: 'alarm', href: parkedLink(connection, name) });
  const none = h('span', { class: 'quiet' });
  return {
    element: h('span', {}, link, none),
    update({ parked }) {
      say(link, number(parked));
      attribute(link, 'aria-label', `Parked messages of ${name}: ${parked}`);
      say(none, number(parked));
      show(link, parked > 0);
      show(none, !(parked > 0));
    },
  };
}
