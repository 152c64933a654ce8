import { ask } from './confirm.js';
import { openDialog } from './dialog.js';
import { h } from './dom.js';
import { indented } from './indent.js';
import { during, tell } from './notices.js';

/**
 * Changes one parked message and sends it back. What was typed stays until it was sent or given up.
 *
 * @param edit the text of the payload, and the headers that are texts
 * @param send called with `{ text, headers }`; rejects if it was not sent
 */
export function editMessage({ name, queue, edit, send }) {
  const text = h('textarea', { id: 'edit-text', rows: 14, spellcheck: 'false', text: indented(edit.text) });
  // A field for text has line feeds only.
  const before = text.value;
  const rows = [];
  const list = h('div', { class: 'headers' });
  const more = h('button', {
    type: 'button',
    class: 'small',
    text: 'Add a header',
    on: { click: () => addRow().focus() },
  });
  const go = h('button', { class: 'main', form: 'edit', text: 'Send it back, edited' });
  const dialog = h(
    'dialog',
    { class: 'message edit', 'aria-labelledby': 'edit-title' },
    h('header', {}, h('h2', { id: 'edit-title' }, 'Edit ', h('span', { class: 'mono', text: name }))),
    h(
      'form',
      { class: 'content', id: 'edit', on: { submit: (event) => (event.preventDefault(), during(go, confirm)) } },
      h('label', { for: 'edit-text', text: 'Payload' }),
      text,
      h('h3', { text: 'Headers' }),
      list,
      h('div', {}, more),
      h('p', {
        class: 'quiet',
        text: 'Everything else of the message stays as it is, also headers that are not text.',
      }),
    ),
    h('footer', { class: 'row end' }, h('button', { text: 'Cancel', on: { click: () => giveUp() } }), go),
  );
  for (const [header, value] of Object.entries(edit.headers)) addRow(header, value);

  /** Adds a header. @returns the field that is typed into first */
  function addRow(known, value = '') {
    const number = rows.length + 1;
    const key = h('input', {
      'aria-label': `Name of header ${number}`,
      placeholder: 'Name',
      value: known,
      readonly: known !== undefined,
    });
    const field = h('input', { 'aria-label': `Value of header ${known ?? number}`, value });
    const row = { key, field, known, removed: false };
    const remove = h('button', {
      type: 'button',
      class: 'small',
      text: 'Remove',
      'aria-label': `Remove header ${known ?? number}`,
      on: {
        click() {
          row.removed = true;
          element.remove();
          more.focus();
        },
      },
    });
    const element = h('div', { class: 'row' }, key, field, remove);
    rows.push(row);
    list.append(element);
    return known === undefined ? key : field;
  }

  /** Returns what differs: the text if it does, and the headers; null for a removed one. */
  function changes() {
    const headers = {};
    for (const { known, removed } of rows) if (removed && known !== undefined) headers[known] = null;
    for (const { key, field, removed } of rows) if (!removed && key.value !== '') headers[key.value] = field.value;
    for (const [header, value] of Object.entries(edit.headers)) if (headers[header] === value) delete headers[header];
    return { ...(text.value !== before && { text: text.value }), headers };
  }

  const isChanged = ({ text: changed, headers }) => changed !== undefined || Object.keys(headers).length > 0;

  async function confirm() {
    const changed = changes();
    if (!isChanged(changed)) return tell('Nothing was changed yet.', 'bad');
    const parts = [
      changed.text !== undefined && 'its payload',
      ...Object.entries(changed.headers).map(
        ([header, value]) => `the header ${header}${value === null ? ', which is removed' : ''}`,
      ),
    ];
    const given = await ask({
      title: `Send ${name} back to ${queue} with these changes?`,
      text: `You have changed ${parts.filter(Boolean).join('; ')}. The message as it was is gone then. It has a full number of attempts.`,
      action: 'Send back',
    });
    if (!given) return;
    await send(changed);
    close();
    tell('The edited message is back in its queue.');
  }

  async function giveUp() {
    const question = {
      title: 'Give up your changes?',
      text: 'The message stays parked as it is.',
      action: 'Give up',
      danger: true,
    };
    if (!isChanged(changes()) || (await ask(question))) close();
  }

  const close = openDialog(dialog, undefined, giveUp);
  text.focus();
}
