import { change } from './api.js';
import { ask } from './confirm.js';
import { attribute, h, say, show } from './dom.js';
import { duration, NOTHING, number, rate } from './format.js';
import { showResults } from './instances.js';
import { during, tell } from './notices.js';
import { sparkline } from './sparkline.js';
import { stateCell } from './state.js';
import { tableSection } from './table.js';

/** The consumers of this process. Their buttons change this process, or all instances. */
export function consumersSection() {
  let others = [];
  const section = tableSection({
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
      { title: 'Change', make: (consumer) => changeCell(consumer, () => others) },
    ],
  });
  return {
    element: section.element,
    update({ consumers, instances }) {
      others = instances;
      section.update(consumers);
    },
  };
}

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

/** The buttons of a consumer. @param instances returns those that the board knows; undefined if it knows none but its own */
function changeCell(consumer, instances) {
  const parts = [switchButton(consumer, instances), limitsButton(consumer, instances)];
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

const LATER = 'An instance that starts later begins with its configured limits, and not paused.';

/** Asks, and changes a consumer here or everywhere. @param done what the consumer is then: `Orders.onOrder is paused` */
async function changeConsumer({ what, handler, queue, done, question, instances }) {
  const known = instances();
  const places = [
    ['here', 'This process'],
    ['everywhere', `All instances: ${known?.length}. ${LATER}`],
  ];
  const choice = known && { name: 'where', legend: 'Where', options: places };
  const given = await ask({ ...question, choice });
  if (!given) return;
  const { where, typed: _, ...limits } = given;
  const body = { handler, queue, ...limits };
  if (where !== 'everywhere') {
    await change(what, body);
    return tell(`${done} in this process.`);
  }
  const { instances: results } = await change(what, { ...body, everywhere: true });
  showResults(done, results);
}

function limitsButton({ handler, queue }, instances) {
  let limits;
  const button = h('button', {
    class: 'small',
    text: 'Limits',
    'aria-label': `Limits of ${handler}`,
    on: { click: () => during(button, press) },
  });
  function press() {
    const value = (name) => limits[name] || undefined;
    const question = {
      title: `Limits of ${handler}`,
      text: 'Until the process ends. Messages that wait in it go back to the queue first; running handlers finish.',
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
    };
    return changeConsumer({
      what: 'adjust',
      handler,
      queue,
      done: `${handler} has the new limits`,
      question,
      instances,
    });
  }
  return {
    element: button,
    update({ prefetch, concurrency, state }) {
      limits = { prefetch, concurrency };
      show(button, concurrency !== undefined && state !== 'stopped');
    },
  };
}

function switchButton({ handler, queue }, instances) {
  let paused = false;
  const button = h('button', { class: 'small', on: { click: () => during(button, press) } });
  function press() {
    // A snapshot may come before the answer.
    const resumes = paused;
    const what = resumes ? 'resume' : 'pause';
    const text = resumes
      ? `The broker delivers messages of ${queue} again.`
      : `No more messages of ${queue} are taken. Running handlers finish. Other instances go on, unless you choose all.`;
    const action = resumes ? 'Resume' : 'Pause';
    const question = { title: `${action} ${handler}?`, text, action };
    const done = `${handler} is ${resumes ? 'resumed' : 'paused'}`;
    return changeConsumer({ what, handler, queue, done, question, instances });
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
