import { attribute, h, say } from './dom.js';

const TONES = {
  open: 'good',
  consuming: 'good',
  running: 'busy',
  done: 'good',
  paused: 'warn',
  stopped: 'warn',
  starting: 'busy',
  connecting: 'busy',
  blocked: 'bad',
  reconnecting: 'bad',
  recovering: 'bad',
  broken: 'bad',
  closed: 'bad',
  answers: 'good',
  silent: 'bad',
  failed: 'bad',
  'did not answer': 'bad',
  'has no such consumer': 'warn',
};

/** A word with a coloured dot. The word says the same as the colour. */
export function stateCell(stateOf, reasonOf = () => undefined) {
  const word = h('span', { class: 'pill' });
  const reason = h('span', { class: 'reason' });
  return {
    element: h('div', {}, word, reason),
    update(item) {
      say(word, stateOf(item));
      attribute(word, 'data-tone', TONES[stateOf(item)] ?? 'quiet');
      say(reason, reasonOf(item));
    },
  };
}
