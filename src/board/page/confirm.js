import { openDialog } from './dialog.js';
import { h } from './dom.js';

/**
 * Asks before a change. Resolves with undefined, or with the values of its fields.
 *
 * @param typed a text that the user has to type
 * @param rate true to ask for the number of messages per second
 */
export function ask({ title, text, action, danger = false, typed, rate = false }) {
  const confirmed = typed === undefined ? null : h('input', { id: 'typed', autocomplete: 'off', spellcheck: 'false' });
  const pace = rate ? h('input', { id: 'rate', type: 'number', min: '1', step: '1', placeholder: 'no limit' }) : null;
  const go = h('button', { class: danger ? 'danger' : 'main', text: action });
  const dialog = h(
    'dialog',
    { class: 'ask', 'aria-labelledby': 'ask-title' },
    h(
      'form',
      { method: 'dialog', on: { submit: confirm } },
      h('h2', { id: 'ask-title', text: title }),
      h('p', { text }),
      confirmed && h('label', { for: 'typed' }, 'Type ', h('b', { class: 'mono', text: typed }), ' to confirm'),
      confirmed,
      pace && h('label', { for: 'rate', text: 'Messages per second, at most' }),
      pace,
      h('div', { class: 'row end' }, h('button', { type: 'button', text: 'Cancel', on: { click: () => close() } }), go),
    ),
  );
  if (confirmed) {
    const check = () => (go.disabled = confirmed.value !== typed);
    confirmed.addEventListener('input', check);
    check();
  }
  function confirm(event) {
    event.preventDefault();
    close({ typed: confirmed?.value, rate: pace?.value ? Number(pace.value) : undefined });
  }
  let close;
  const given = new Promise((resolve) => (close = openDialog(dialog, resolve)));
  (confirmed ?? go).focus();
  return given;
}
