import { change } from './api.js';
import { ask } from './confirm.js';
import { attribute, h, say, show } from './dom.js';
import { duration, NOTHING, number, rate } from './format.js';
import { during, tell } from './notices.js';
import { sparkline } from './sparkline.js';
import { stateCell } from './state.js';
import { tableSection } from './table.js';

export const consumersSection = () =>
  tableSection({
    id: 'consumers',
    title: 'Consumers',
    empty: 'This application has no consumers. A method with @AmqpConsumer() becomes one.',
    keyOf: ({ connection, queue, handler }) => JSON.stringify([connection, queue, handler]),
    find: ({ handlers, queue, state }) => `${handlers.join(' ')} ${queue} ${state}`,
    columns: [
      { title: 'Handler', make: nameCell },
      {
        title: 'State',
        make: () =>
          stateCell(
            ({ state }) => state,
            ({ reason }) => reason,
          ),
      },
      { title: 'Handled / s', make: rateCell },
      { title: 'Failures / min', number: true, make: () => alarmCell(({ failuresPerMinute }) => failuresPerMinute) },
      {
        title: 'In flight',
        number: true,
        cell: ({ inFlight, prefetch }) => `${number(inFlight)} / ${prefetch === 0 ? '∞' : number(prefetch)}`,
      },
      { title: 'p50', number: true, cell: ({ took }) => duration(took?.p50) },
      { title: 'p95', number: true, cell: ({ took }) => duration(took?.p95) },
      { title: 'Change', make: changeCell },
    ],
  });

function nameCell() {
  const handler = h('b', { class: 'mono' });
  const queue = h('span', { class: 'quiet mono' });
  return {
    element: h('div', { class: 'stack' }, handler, queue),
    update(consumer) {
      say(handler, consumer.handlers.join(', '));
      say(queue, consumer.queue);
    },
  };
}

function rateCell({ handler }) {
  const line = sparkline(`Messages per second of ${handler}`);
  const value = h('span', { class: 'number' });
  return {
    element: h('div', { class: 'trend' }, value, line.element),
    update({ perSecond }) {
      say(value, rate(perSecond));
      line.add(perSecond);
    },
  };
}

/** A number that stands out if it is not zero. */
export function alarmCell(valueOf) {
  const element = h('span');
  return {
    element,
    update(item) {
      const value = valueOf(item);
      say(element, value === undefined ? NOTHING : number(value));
      element.className = value > 0 ? 'alarm' : 'quiet';
    },
  };
}

/** The buttons of a consumer. */
function changeCell(consumer) {
  const parts = [switchButton(consumer), limitsButton(consumer)];
  return {
    element: h(
      'div',
      { class: 'row' },
      parts.map((part) => part.element),
    ),
    update: (each) => {
      for (const part of parts) part.update(each);
    },
  };
}

function limitsButton({ handler, queue }) {
  let limits;
  const button = h('button', {
    class: 'small',
    text: 'Limits',
    'aria-label': `Limits of ${handler}`,
    on: { click: () => during(button, press) },
  });
  async function press() {
    const value = (name) => limits[name] || undefined;
    const given = await ask({
      title: `Limits of ${handler}`,
      text: 'In this process, until it ends. Messages that wait here go back to the queue first; running handlers finish.',
      action: 'Change',
      numbers: [
        {
          name: 'prefetch',
          label: 'Prefetch: unacknowledged messages, at most',
          value: value('prefetch'),
          max: 65_535,
        },
        { name: 'concurrency', label: 'Concurrency: running handlers, at most', value: value('concurrency') },
      ],
    });
    if (!given) return;
    const { prefetch = 0, concurrency = 0 } = given;
    await change('adjust', { handler, queue, prefetch, concurrency });
    tell(`${handler} has the new limits in this process.`);
  }
  return {
    element: button,
    update({ prefetch, concurrency, state }) {
      limits = { prefetch, concurrency };
      show(button, concurrency !== undefined && state !== 'stopped');
    },
  };
}

function switchButton({ handler, queue }) {
  let paused = false;
  const button = h('button', { class: 'small', on: { click: () => during(button, press) } });
  async function press() {
    // A snapshot may come before the answer.
    const resumes = paused;
    const what = resumes ? 'resume' : 'pause';
    const text = resumes
      ? `The broker delivers messages of ${queue} to this process again.`
      : `This process takes no more messages of ${queue}. Running handlers finish. Other instances go on.`;
    const action = resumes ? 'Resume' : 'Pause';
    if (!(await ask({ title: `${action} ${handler}?`, text, action }))) return;
    await change(what, { handler, queue });
    tell(`${handler} is ${resumes ? 'resumed' : 'paused'} in this process.`);
  }
  return {
    element: button,
    update({ state }) {
      paused = state === 'paused';
      say(button, paused ? 'Resume' : 'Pause');
      attribute(button, 'aria-label', `${paused ? 'Resume' : 'Pause'} ${handler}`);
      show(button, state !== 'stopped');
    },
  };
}
