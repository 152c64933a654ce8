import { getEventListeners } from 'node:events';
import { AmqpConsumerRegistry } from '../../../src/index.js';
import type { Director } from './director.js';
import { numberIn } from './messages.js';
import type { Scene } from './scene.js';
import { LANDING } from './site.js';

/** Checks after peace that every consumer consumes and that no message waits or is unacknowledged. */
export function auditPeace(scene: Scene, { apps, services }: Director): void {
  const { oracle, site } = scene;
  const consumers = new Map<string, number>();
  const expect = (queue: string): void => void consumers.set(queue, (consumers.get(queue) ?? 0) + 1);
  for (const { name, context, isLive, handlers, due } of apps) {
    if (!isLive) continue;
    const [heard, were] = [JSON.stringify(handlers.heard), JSON.stringify(due)];
    oracle.check(
      heard === were,
      'listeners',
      () => `${name}: its listeners have heard of ${heard}; there were ${were}`,
    );
    for (const { queue, state, error, prefetch, held } of context!
      .get(AmqpConsumerRegistry, { strict: false })
      .list()) {
      const registered = site.prefetchOf(`${name} (consuming)`, queue);
      oracle.check(held > 0 || registered === prefetch, 'prefetch', () => `${name}: the broker knows the consumer of '${queue}' with prefetch ${registered}, not ${prefetch}`); // prettier-ignore
      oracle.check(state === 'consuming', 'peace-consumers', () => `${name}: the consumer of '${queue}' is ${state} after all that time: ${String(error)}`); // prettier-ignore
      expect(queue);
    }
  }
  for (const { name, state } of services) {
    oracle.check(state !== 'starting', 'peace-open', () => `${name} is still starting after all that time`);
    if (state === 'running') expect('micro');
  }
  const names = new Set(site.broker.queues.map(({ name }) => name));
  for (const queue of consumers.keys()) {
    oracle.check(names.has(queue), 'peace-consumers', () => `applications consume queue '${queue}', and the broker has none`); // prettier-ignore
  }
  for (const { name, messages, unacknowledged, consumers: there } of site.broker.queues) {
    const due = consumers.get(name) ?? 0;
    // Applications that have sent delayed messages consume their landings, too.
    oracle.check(there === due || name.startsWith(LANDING), 'peace-consumers', () => `queue '${name}' has ${there} consumers at the broker; applications have ${due}`); // prettier-ignore
    oracle.check(unacknowledged === 0, 'peace-drain', () => `queue '${name}': ${unacknowledged} messages are unacknowledged after all that time`); // prettier-ignore
    const waits =
      messages > 0 &&
      (due > 0 ||
        name.includes('.retry.') ||
        (name.startsWith('nest-amqp.delay.') && name !== 'nest-amqp.delay.parked'));
    oracle.check(!waits, 'peace-drain', () => `queue '${name}': ${messages} messages wait after all that time`);
  }
}

/** Checks after the close that no timers, sockets, listeners and promises are left. */
export function auditRest(scene: Scene, { apps, services, clients }: Director): void {
  const { oracle, clock, promises, signals } = scene;
  for (const { name, liveWires } of [...apps, ...services, ...clients]) {
    const timers = clock.waiting(name);
    oracle.check(timers === 0, 'leak', () => `${timers} timers of ${name} wait though it is closed`);
    oracle.check(liveWires.length === 0, 'leak', () => `${name} has ${liveWires.length} open sockets though it is closed`); // prettier-ignore
  }
  const { pending } = promises;
  oracle.check(pending.length === 0, 'leak', () => `promises have not settled though all is closed: ${pending.join('; ')}`); // prettier-ignore
  const listeners = signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0);
  oracle.check(listeners === 0, 'leak', () => `${listeners} listeners are left on users' signals`);
}

/** Takes all messages of all queues. Resolves with their counts by queue and number. */
export async function takeAll({ site }: Scene): Promise<Map<string, Map<number, number>>> {
  const found = new Map<string, Map<number, number>>();
  const connection = await site.operator('auditor');
  const channel = await connection.openChannel();
  for (const { name, messages } of site.broker.queues) {
    const numbers = new Map<number, number>();
    found.set(name, numbers);
    for (let left = messages; left > 0; left--) {
      const delivery = await channel.basicGet(name, { noAck: true });
      if (!delivery) break;
      const n = numberIn(delivery.properties);
      numbers.set(n, (numbers.get(n) ?? 0) + 1);
    }
  }
  await connection.close();
  return found;
}
