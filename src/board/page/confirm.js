import { openDialog } from './dialog.js';
import { h } from './dom.js';

/**
 * Asks before a change. Resolves with undefined, or with the values of its fields.
 *
 * @param typed a text that the user has to type
 * @param numbers whole numbers to ask for: `{ name, label, value, min, max }`; an empty one is undefined in the result
 * @param choice one of several: `{ name, legend, options: [[value, label], …] }`; the first is chosen
 */
export function ask({ title, text, action, danger = false, typed, numbers = [], choice }) {
  const confirmed = typed === undefined ? null : h('input', { id: 'typed', autocomplete: 'off', spellcheck: 'false' });
  const fields = numbers.map(({ name, value, min = 1, max }) =>
    h('input', { id: name, type: 'number', step: 1, placeholder: 'no limit', min, max, value }),
  );
  const radios = choice?.options.map(([value], index) =>
    h('input', { type: 'radio', id: `${choice.name}-${index}`, name: choice.name, value, checked: index === 0 }),
  );
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
      numbers.map(({ name, label }, index) => [h('label', { for: name, text: label }), fields[index]]),
      choice &&
        h(
          'fieldset',
          {},
          h('legend', { text: choice.legend }),
          radios.map((radio, index) => [radio, h('label', { for: radio.id, text: choice.options[index][1] })]),
        ),
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
    const values = fields.map(({ id, value }) => [id, value === '' ? undefined : Number(value)]);
    const chosen = radios && { [choice.name]: radios.find(({ checked }) => checked).value };
    close({ typed: confirmed?.value, ...Object.fromEntries(values), ...chosen });
  }
  let close;
  const given = new Promise((resolve) => (close = openDialog(dialog, resolve)));
  (confirmed ?? go).focus();
  return given;
}
