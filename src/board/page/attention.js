import { counted, rate } from './format.js';
import { parkedLink } from './links.js';

/** Failures a minute from which a consumer is listed. */
const MANY = 5;

/**
 * Lists the things that an operator should look at, worst first.
 *
 * @returns entries `{ key, tone, text, detail, href }`
 */
export function attention({ connections, consumers, queues, instances = [] }) {
  const lost = connections
    .filter(({ state }) => state !== 'open')
    .map(({ name, purpose, state, reason }) => ({
      key: `connection ${name} ${purpose}`,
      tone: 'bad',
      text: `The ${purpose} connection ${name} is ${state}`,
      detail: reason,
      href: '#connections',
    }));
  const idle = consumers
    .filter(({ state }) => state !== 'consuming')
    .map(({ queue, handler, state, reason }) => ({
      key: `consumer ${queue} ${handler}`,
      tone: state === 'paused' ? 'warn' : 'bad',
      text: `${handler} is ${state}`,
      detail: reason ?? `queue ${queue}`,
      href: '#consumers',
    }));
  const stuck = consumers
    .filter(({ held, slow }) => held > 0 || slow)
    .map(({ queue, handler, held, slow }) => ({
      key: `stuck ${queue} ${handler}`,
      tone: 'bad',
      text: `${handler} makes no progress`,
      detail: [
        held > 0 && `${counted(held, 'failed message')} can be neither retried nor parked`,
        slow && `${counted(slow.count, 'call')} for up to ${Math.round(slow.longest / 60_000)} min`,
      ]
        .filter(Boolean)
        .join('; '),
      href: '#consumers',
    }));
  const parked = queues
    .filter((queue) => queue.parked > 0)
    .map(({ connection, name, parked: count }) => ({
      key: `parked ${connection} ${name}`,
      tone: 'bad',
      text: `${counted(count, 'message')} of ${name} ${count === 1 ? 'is' : 'are'} parked`,
      detail: 'See why, and send them back',
      href: parkedLink(connection, name),
    }));
  const failing = consumers
    .filter(({ failuresPerMinute }) => failuresPerMinute >= MANY)
    .map(({ queue, handler, failuresPerMinute }) => ({
      key: `failing ${queue} ${handler}`,
      tone: 'warn',
      text: `${handler} fails`,
      detail: `${rate(failuresPerMinute)} times in the last minute`,
      href: '#failures',
    }));
  const silent = instances
    .filter(({ missed }) => missed > 1)
    .map(({ id, host, pid }) => ({
      key: `instance ${id}`,
      tone: 'warn',
      text: `${host} · process ${pid} does not answer`,
      detail: 'another instance of the application',
      href: '#instances',
    }));
  return [
    ...lost,
    ...parked,
    ...idle.filter(({ tone }) => tone === 'bad'),
    ...stuck,
    ...failing,
    ...silent,
    ...idle.filter(({ tone }) => tone === 'warn'),
  ];
}
