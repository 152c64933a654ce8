import { attribute, h, say } from './dom.js';
import { ago, number, size, time } from './format.js';
import { during } from './notices.js';

/** A group of parked messages. @param view the page that shows it */
export function groupEntry({ id, type, text, handler }, view) {
  const count = h('span', { class: 'count' });
  const when = h('span', { class: 'quiet' });
  const open = h(
    'button',
    { class: 'plain', on: { click: () => view.open(id) } },
    h('span', { class: 'row' }, h('b', { text: type === '' ? 'No error' : type }), count),
    h('span', { class: 'reason', text }),
    h('span', { class: 'quiet mono', text: handler ?? '' }),
    when,
  );
  const words = `this group: ${type} ${text}`;
  const send = h('button', {
    class: 'small',
    text: 'Send group back',
    'aria-label': `Send group back: ${type} ${text}`,
    on: { click: () => during(send, () => view.sendBack({ choice: 'group', group: id }, words)) },
  });
  return {
    // The rest of many groups is no group of its own.
    element: h('li', {}, open, id !== 'rest' && send),
    update(group) {
      say(count, number(group.count));
      say(when, group.last === undefined ? '' : `last ${ago(group.last, view.now())}`);
      attribute(open, 'aria-pressed', String(view.isOpen(id)));
    },
  };
}

/** A parked message in the table. @param view the page that shows it */
export function messageRow({ key, messageId, routingKey, exchange, reason, failedAt, size: bytes }, view) {
  const name = messageId ?? 'without an id';
  const box = h('input', {
    type: 'checkbox',
    'aria-label': `Select ${name}`,
    on: { change: () => view.select(key, box.checked) },
  });
  const open = h('button', {
    class: 'link mono',
    text: name,
    on: { click: () => during(open, () => view.show(key, name)) },
  });
  const where = h('span', { class: 'quiet mono', text: exchange === '' ? routingKey : `${exchange} · ${routingKey}` });
  const when = h('time', { title: time(failedAt) });
  return {
    element: h(
      'tr',
      {},
      h('td', { class: 'check' }, box),
      h('td', { 'data-title': 'Message' }, h('div', { class: 'stack' }, open, where)),
      h('td', { 'data-title': 'Error', class: 'reason', text: reason ?? 'parked by another client' }),
      h('td', { 'data-title': 'Failed' }, when),
      h('td', { 'data-title': 'Size', class: 'number', text: size(bytes) }),
    ),
    update() {
      box.checked = view.isSelected(key);
      say(when, ago(failedAt, view.now()));
    },
  };
}
