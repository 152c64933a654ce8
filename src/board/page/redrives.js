import { change } from './api.js';
import { attribute, h, keyed, say, show } from './dom.js';
import { counted, number } from './format.js';
import { during } from './notices.js';

const WORDS = { all: 'all messages', group: 'a group', messages: 'a selection', edited: 'an edited message' };
/** Ms for which an ended redrive is shown. */
const SHOWN_FOR = 600_000;

/** Redrives that are under way or ended lately. @param fits selects some of them */
export function redrivesSection(fits = () => true) {
  const list = h('ul', { class: 'redrives' });
  const element = h(
    'section',
    { class: 'panel', 'aria-label': 'Redrives' },
    h('header', {}, h('h2', { text: 'Sending back' })),
    list,
  );
  return {
    element,
    update({ redrives, at }) {
      const shown = redrives.filter((one) => fits(one) && (one.ended === undefined || at - one.ended < SHOWN_FOR));
      keyed(list, shown, ({ id }) => id, makeEntry);
      show(element, shown.length > 0);
    },
  };
}

function makeEntry({ id, queue, choice, by }) {
  const bar = h('progress', { 'aria-label': `Redrive of ${queue}` });
  const told = h('span');
  const stop = h('button', {
    class: 'small',
    text: 'Stop',
    'aria-label': `Stop the redrive of ${queue}`,
    on: { click: () => during(stop, () => change('stop', { id })) },
  });
  const element = h(
    'li',
    {},
    h('span', {}, h('b', { class: 'mono', text: queue }), ` ${WORDS[choice]}, by ${by}`),
    bar,
    h('span', { class: 'row' }, told, stop),
  );
  return {
    element,
    update(redrive) {
      const { state, redriven, kept, failed, total, reason } = redrive;
      attribute(bar, 'max', Math.max(1, total));
      bar.value =
        state === 'done' ? bar.max : choice === 'messages' || choice === 'edited' ? redriven : redriven + kept + failed;
      const parts = [
        counted(redriven, 'message') + ' sent',
        failed > 0 && `${number(failed)} could not be sent`,
        reason,
      ];
      say(told, `${state}: ${parts.filter(Boolean).join(', ')}`);
      attribute(element, 'data-state', state);
      show(stop, state === 'running');
    },
  };
}
