import { read } from './api.js';
import { openDialog } from './dialog.js';
import { enable, h } from './dom.js';
import { editMessage } from './edit.js';
import { counted, size, time } from './format.js';
import { during, tell } from './notices.js';

/**
 * Shows one parked message in full.
 *
 * @param sendBack called to send it back; resolves with true if it was started
 * @param sendEdited called to send it back with changes; rejects if it was not sent
 */
export async function showMessage({ connection, queue, key, name, sendBack, sendEdited }) {
  let whole;
  try {
    whole = await read('message', { connection, queue, key });
  } catch (error) {
    return tell(error.message, 'bad');
  }
  const { message, payload, edit } = whole;
  const { messageId, exchange, routingKey, attempts, firstFailure, lastFailure, properties = {} } = message;
  const { headers = {}, ...others } = properties;
  const send = h('button', {
    class: 'main',
    text: `Send it back to ${queue}`,
    on: { click: () => during(send, async () => (await sendBack()) && close()) },
  });
  const change = edit && h('button', { text: 'Edit and send back', on: { click: openEditor } });
  if (edit?.refused) enable(change, false);
  const dialog = h(
    'dialog',
    { class: 'message', 'aria-labelledby': 'message-title' },
    h(
      'header',
      {},
      h('h2', { id: 'message-title', class: 'mono', text: messageId ?? 'A message without an id' }),
      h('button', { class: 'small', text: 'Close', on: { click: () => close() } }),
    ),
    h(
      'div',
      { class: 'content' },
      h('p', {
        class: 'reason large',
        text: lastFailure?.message ?? 'Another client has parked it, without a reason.',
      }),
      facts([
        ['Attempts', counted(attempts, 'failed attempt')],
        ['First failure', firstFailure && time(Date.parse(firstFailure.time))],
        ['Last failure', lastFailure && time(Date.parse(lastFailure.time))],
        ['Published to', `${exchange === '' ? 'the default exchange' : exchange} with key ${routingKey}`],
      ]),
      h('h3', { text: `Payload, ${size(payload.size)}` }),
      payload.kind === 'undecodable' &&
        h('p', { class: 'quiet', text: 'The serializers of the application cannot decode it.' }),
      payload.kind === 'bytes' && h('p', { class: 'quiet', text: 'Bytes, as base64.' }),
      h('pre', { class: 'payload', tabindex: '0', 'aria-label': 'Payload', text: payload.text }),
      payload.cut && h('p', { class: 'quiet', text: 'The rest is not shown.' }),
      lastFailure?.stack && [
        h('h3', { text: 'Stack of the last failure' }),
        h('pre', { class: 'stacktrace', tabindex: '0', 'aria-label': 'Stack', text: lastFailure.stack }),
      ],
      firstFailure &&
        firstFailure.message !== lastFailure?.message && [
          h('h3', { text: 'The first failure' }),
          h('p', { class: 'reason', text: firstFailure.message }),
        ],
      h('h3', { text: 'Headers' }),
      facts(Object.entries(headers), 'It has no headers.'),
      h('h3', { text: 'Properties' }),
      facts(Object.entries(others), 'It has no properties.'),
    ),
    h(
      'footer',
      { class: 'row end' },
      edit?.refused && h('span', { class: 'quiet', text: `It cannot be edited. ${edit.refused}` }),
      change,
      send,
    ),
  );
  function openEditor() {
    close();
    editMessage({ name, queue, edit, send: sendEdited });
  }
  const close = openDialog(dialog);
}

function facts(entries, otherwise = '') {
  const shown = entries.filter(([, value]) => value !== undefined && value !== null);
  if (shown.length === 0) return h('p', { class: 'quiet', text: otherwise });
  return h(
    'dl',
    {},
    shown.map(([name, value]) => [
      h('dt', { text: name }),
      h('dd', { class: 'mono', text: typeof value === 'object' ? JSON.stringify(value) : String(value) }),
    ]),
  );
}
