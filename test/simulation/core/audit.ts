import { getEventListeners } from 'node:events';
import { connect } from '../../../lib/client/index.js';
import type { Director } from './director.js';
import { nameOf as bindingName } from './binding-book.js';
import { bufferedBytes, currentName, recordOf } from './internals.js';
import { idIn } from './cluster.js';
import { nameOf } from './promises.js';
import type { Scene } from './scene.js';
import { SAFE_QUEUES } from './steps.js';
import type { UserChannel } from './user-channel.js';
import type { UserConnection } from './user-connection.js';

/** Checks that each connection that may come back has come back. */
export function auditRecovery({ oracle }: Scene, director: Director): void {
  for (const { connection, name, closeAsked, ended } of director.allConnections) {
    if (!connection || closeAsked || ended) continue;
    oracle.check(
      connection.state === 'open',
      'recovery',
      () => `${name} is ${connection.state} though nothing has been broken for 45 s`,
    );
  }
}

/** Checks after peace that connections and channels are open, as far as they may be. */
export function auditOpen(scene: Scene, director: Director): void {
  const { oracle, settings } = scene;
  const mayEnd = settings.reconnect === false || settings.reconnect.attempts !== undefined;
  for (const connection of director.allConnections) {
    if (!connection.connection || connection.closeAsked) continue;
    if (connection.ended) {
      oracle.check(mayEnd, 'peace-open', () => `${connection.name} has closed: ${String(connection.ended!.error)}`);
      continue;
    }
    const { state } = connection.connection;
    oracle.check(state === 'open', 'peace-open', () => `${connection.name} is ${state} after all that time`);
    const live = connection.wires.filter((wire) => wire.live).length;
    oracle.check(live === 1, 'peace-open', () => `${connection.name} has ${live} open sockets`);
    for (const channel of connection.allChannels) auditChannel(scene, channel);
    const held = bufferedBytes(connection.connection);
    oracle.check(
      held === 0 || state !== 'open',
      'bounds',
      () => `${connection.name} holds ${held} bytes for its socket after all that time`,
    );
  }
}

function auditChannel({ oracle, cluster }: Scene, user: UserChannel): void {
  if (!user.channel || user.closeAsked) return;
  const { restore, restoreAttempts } = user.settings;
  if (user.ended) {
    const mayEnd = restore === false || restoreAttempts !== undefined || cluster.channelMaxLowered;
    return oracle.check(mayEnd, 'peace-open', () => `${user.name} has closed: ${String(user.ended!.error)}`);
  }
  oracle.check(user.channel.isOpen, 'peace-open', () => `${user.name} is not open after all that time`);
}

/** Checks that every consumer consumes, that no delivery stays unacknowledged, and that the broker has no other consumer. */
export function auditConsumers(scene: Scene, director: Director): void {
  const { oracle, cluster, ledger, topology } = scene;
  const expected = new Map<string, string[]>();
  const unclear = new Set<string>();
  for (const { owner, user, connection } of openChannels(director)) {
    for (const consumer of user.allConsumers) {
      // The user may have declared another server-named queue since.
      const given = consumer.consumer?.queue ?? scene.named.get(`${owner.name} ${consumer.queue}`) ?? consumer.queue;
      const queue = currentName(connection, given);
      if (consumer.cancelAsked && !consumer.over && !consumer.closed) unclear.add(queue);
      // Any of the declarers may have the exclusive queue.
      if (queue.startsWith('mine') && topology.declarers(queue).size > 1) unclear.add(queue);
      const lives = consumer.looping || (consumer.consumer !== undefined && !consumer.closed && !consumer.over);
      if (lives) expected.set(queue, [...(expected.get(queue) ?? []), consumer.name]);
    }
    const { wire } = owner;
    if (!wire || scene.settings.maxMessageSize < 1e6) continue;
    const keys = ledger.unhanded(wire.id, user.channel!.id, cluster.generation(wire.id, user.channel!.id));
    oracle.check(keys.length === 0, 'no-ack', () => `${user.name}: no handler has got ${keys.length} no-ack deliveries: ${keys.slice(0, 5).join()}`); // prettier-ignore
  }
  const there = new Map(cluster.broker.queues.map((queue) => [queue.name, queue]));
  for (const name of new Set([...expected.keys(), ...there.keys()])) {
    const queue = there.get(name);
    const consumers = expected.get(name) ?? [];
    if (!unclear.has(name)) {
      oracle.check((queue?.consumers ?? 0) === consumers.length, 'peace-consumers', () => `queue '${name}' has ${queue?.consumers ?? 0} consumers at the broker${queue ? '' : ', for it is not there'}; users have ${consumers.length}: ${consumers.join()}`); // prettier-ignore
    }
    if (!queue) continue;
    oracle.check(queue.unacknowledged === 0, 'peace-drain', () => `queue '${name}': ${queue.unacknowledged} messages are unacknowledged after all that time`); // prettier-ignore
    const drained = queue.messages === 0 || consumers.length === 0 || unclear.has(name);
    oracle.check(drained, 'peace-drain', () => `queue '${name}': ${queue.messages} messages wait, with consumers ${consumers.join()}`); // prettier-ignore
  }
}

/** Checks that client and broker have the same channels open, and that the broker waits for no channel.close-ok. */
export function auditChannels({ oracle, cluster, topology }: Scene, director: Director): void {
  for (const { connection, wire, name, allChannels, restoreFailed } of director.allConnections) {
    if (!wire || connection?.state !== 'open') continue;
    const ids = new Set(
      allChannels.filter(({ channel, ended }) => channel && !ended).map(({ channel }) => channel!.id),
    );
    // The client retries a locked queue for as long as it is locked, on extra channels.
    const locked = allChannels.some(({ allConsumers }) =>
      allConsumers.some(({ queue }) => queue.startsWith('mine') && topology.declarers(queue).size > 1),
    );
    for (const { id, closing } of cluster.channelsOn(wire)) {
      oracle.check(!closing, 'peace-channels', () => `${name}: the broker waits for close-ok on channel ${id}`);
      const known = ids.has(id) || restoreFailed || locked;
      oracle.check(known, 'peace-channels', () => `${name}: channel ${id} is open at the broker, and not here`);
    }
  }
}

/** Checks that each consumer has the prefetch that its user has set, on the consumer or on its channel. */
export function auditPrefetch({ oracle, cluster }: Scene, director: Director): void {
  for (const { owner, user } of openChannels(director)) {
    const there = owner.wire && cluster.channelsOn(owner.wire).find(({ id }) => id === user.channel!.id);
    for (const { consumer, name, settings, looping, prefetchesOver, prefetchesAsked } of user.allConsumers) {
      const prefetch = there?.prefetches.get(looping ? name : (consumer?.consumerTag ?? ''));
      if (prefetch === undefined) continue;
      const allowed =
        settings.prefetch === undefined ? user.prefetchesBetween(prefetchesOver, prefetchesAsked) : [settings.prefetch];
      const fits = allowed.includes(prefetch) || (looping && settings.prefetch === undefined);
      oracle.check(fits, 'prefetch', () => `${name} has a prefetch of ${prefetch} at the broker; asked for was ${allowed.join(' or ')}`); // prettier-ignore
    }
  }
}

/** Makes a few calls on each channel right before the end. They are answered, and the answers end their timers. */
export function lastCalls({ promises, oracle }: Scene, director: Director): void {
  for (const { user } of openChannels(director)) {
    const { channel } = user;
    if (!channel!.isOpen || user.closeAsked) continue;
    promises.watch(
      `lastCall on ${user.name}`,
      () => channel!.channelFlow(true),
      { within: 1_000 },
      (error) => {
        oracle.check(error === undefined, 'peace-open', () => `${user.name}: a call in peace fails: ${String(error)}`);
      },
    );
  }
}

/** Checks that the broker has the recorded queues and none of the deleted ones. */
export function auditRecord(scene: Scene, director: Director): void {
  const { oracle, cluster, topology } = scene;
  const there = new Map(cluster.broker.queues.map((queue) => [queue.name, queue]));
  for (const owner of director.allConnections) {
    const { connection } = owner;
    if (!connection || connection.state !== 'open') continue;
    // Every channel was in use, so the client could not declare, and it reported that.
    if (owner.topologyFailed && cluster.channelMaxLowered) continue;
    for (const name of recordOf(connection).queues.keys()) {
      const queue = [...scene.named].find(([key, value]) => value === name && key.startsWith(`${owner.name} `))?.[0].split(' ')[1] ?? name; // prettier-ignore
      // Another connection may have deleted the queue or locked it.
      if (topology.declarers(queue).size > 1 || topology.isShared(queue)) continue;
      const isOthers = topology.isConsumedBeside(queue, owner.name) || cluster.ghosts.mayHaveTaken(queue);
      if (queue.startsWith('auto') && isOthers) continue;
      const current = currentName(connection, name);
      oracle.check(there.has(current), 'peace-record', () => `queue '${current}' is on ${owner.name}'s record and not at the broker`); // prettier-ignore
    }
  }
  for (const [name, queue] of there) {
    oracle.check(!topology.isDeleted(name), 'peace-record', () => `queue '${name}' was deleted by its only user, and is there again`); // prettier-ignore
    if (!name.startsWith('auto') || queue.consumers > 0 || topology.declarers(name).size > 1) continue;
    const [declarer] = topology.declarers(name);
    const owner = director.allConnections.find(({ name }) => name === declarer);
    // A connection that was cut off, or had no channel left (and reported that), does not delete the queue.
    if (owner?.cutOff || owner?.topologyFailed) continue;
    oracle.check(!topology.wasConsumed(name), 'peace-record', () => `auto-delete queue '${name}' is there without the consumer that it had`); // prettier-ignore
  }
}

/** Checks that exchanges and bindings have come back or are gone, unless another connection may have changed them. */
export function auditBindings(scene: Scene, director: Director): void {
  const [owner, ...others] = director.allConnections;
  if (!owner?.connection || others.length > 0 || owner.connection.state !== 'open' || owner.restoreFailed) return;
  const { oracle, cluster, named } = scene;
  if (scene.lateRouting) return;
  const { exchanges, bindings } = cluster.routing;
  const queues = new Set(cluster.broker.queues.map(({ name }) => name));
  const { exchanges: recorded } = recordOf(owner.connection);
  const bound = new Set([...bindings].map((binding) => (JSON.parse(binding) as [string])[0]));
  for (const exchange of owner.bindings.expectedExchanges) {
    if (exchange.startsWith('auto')) {
      const left = exchanges.has(exchange) && !bound.has(exchange) && !recorded.has(exchange);
      oracle.check(
        !left,
        'peace-record',
        () => `auto-delete exchange '${exchange}' is there without a binding, and its only client has forgotten it`,
      );
      continue;
    }
    oracle.check(
      exchanges.has(exchange),
      'peace-record',
      () => `exchange '${exchange}' was declared and is not at the broker`,
    );
  }
  const nameNow = (kind: 'queue' | 'exchange', name: string): string =>
    kind === 'queue' ? currentName(owner.connection!, named.get(`${owner.name} ${name}`) ?? name) : name;
  const atBroker = (source: string, kind: 'queue' | 'exchange', name: string, key: string, args: string): boolean =>
    bindings.has(bindingName(source, kind, name, key, JSON.parse(args) as object));
  for (const binding of owner.bindings.removedBindings) {
    const { source, kind, name, key, args } = partsOf(binding);
    const current = nameNow(kind, name);
    oracle.check(
      !atBroker(source, kind, current, key, args),
      'peace-record',
      () => `the binding of ${kind} '${current}' to '${source}' by '${key}' ${args} was removed and is at the broker`,
    );
  }
  for (const binding of owner.bindings.expectedBindings) {
    const { source, kind, name, key, args } = partsOf(binding);
    const current = nameNow(kind, name);
    // An auto-delete exchange or queue takes its bindings along.
    if (`${source}${name}`.includes('auto') || !exchanges.has(source)) continue;
    if (!(kind === 'queue' ? queues : exchanges).has(current)) continue;
    oracle.check(
      atBroker(source, kind, current, key, args),
      'peace-record',
      () => `the binding of ${kind} '${current}' to '${source}' by '${key}' ${args} was made and is not at the broker`,
    );
  }
}

/** Takes the name of a binding apart, see `nameOf` in binding-book.ts. */
function partsOf(binding: string) {
  const [source, destination, key, args] = JSON.parse(binding) as [string, string, string, string];
  const [kind, name] = destination.split(':') as ['queue' | 'exchange', string];
  return { source, kind, name, key, args };
}

/** Publishes on each open channel with confirms, and checks that the publish is confirmed. */
export function probe(scene: Scene, director: Director): void {
  const { oracle } = scene;
  for (const { user } of openChannels(director)) {
    if (user.channel!.isOpen && user.channel!.confirming && !user.closeAsked) {
      user.publisher.probe((error) => oracle.check(error === undefined, 'peace-publish', () => `${user.name}: a publish in peace rejects with ${nameOf(error)}: ${String(error)}`)); // prettier-ignore
    }
  }
}

/** Checks after the close that no timers, sockets, listeners and promises are left. */
export function auditRest(scene: Scene, director: Director): void {
  const { oracle, clock, cluster, promises, signals } = scene;
  const timers = clock.waiting('client');
  oracle.check(timers === 0, 'leak', () => `${timers} timers of the client wait though all is closed`);
  const sockets = cluster.network.wires.filter((wire) => wire.live).map(({ id }) => id);
  oracle.check(sockets.length === 0, 'leak', () => `sockets are open though all is closed: wires ${sockets.join()}`);
  const { pending } = promises;
  oracle.check(
    pending.length === 0,
    'leak',
    () => `promises have not settled though all is closed: ${pending.join('; ')}`,
  );
  const listeners = signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0);
  oracle.check(listeners === 0, 'leak', () => `${listeners} listeners are left on users' signals`);
  for (const { connection, name } of director.allConnections) {
    if (!connection) continue;
    const left = connection.listenerCount('reconnected');
    oracle.check(left <= 1, 'leak', () => `${name}: ${left - 1} listeners for 'reconnected' are left`);
  }
}

/** Takes all messages of the safe queues. Resolves with their counts by `queue message`. Needs a broker that works. */
export async function takeAll(scene: Scene): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const { cluster, clock } = scene;
  const filled = new Set(cluster.broker.queues.filter(({ messages }) => messages > 0).map(({ name }) => name));
  const queues = SAFE_QUEUES.filter((queue) => filled.has(queue));
  if (queues.length === 0) return found;
  const connection = await connect({
    urls: 'amqp://node0',
    connectionName: 'auditor',
    clock: clock.for('auditor'),
    random: scene.random.split('auditor'),
    reconnect: false,
    createSocket: async (_, signal) => (await cluster.network.connect(0, signal)).client,
  });
  const channel = await connection.openChannel();
  for (const queue of queues) {
    for (;;) {
      const delivery = await channel.basicGet(queue, { noAck: true });
      if (!delivery) break;
      const name = `${queue} ${idIn(delivery)}`;
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  await connection.close();
  return found;
}

function* openChannels(
  director: Director,
): Generator<{ owner: UserConnection; user: UserChannel; connection: NonNullable<UserConnection['connection']> }> {
  for (const owner of director.allConnections) {
    const { connection } = owner;
    if (!connection || connection.state !== 'open') continue;
    for (const user of owner.allChannels) if (user.channel && !user.ended) yield { owner, user, connection };
  }
}
