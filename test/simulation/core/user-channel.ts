import { AlreadySettledError, type Channel, type Connection, type Delivery } from '../../../lib/client/index.js';
import type { SimSocket } from '../engine/sim-socket.js';
import { ChannelBase, type ChannelOwner } from './channel-base.js';
import { iterate, UserConsumer } from './consumers.js';
import type { DeliveryOwner, Held } from './held.js';
import { stateOf } from './internals.js';
import { keyOf, say, type DeliveryKey } from './ledger.js';
import { matches } from './messages.js';
import { UserError } from './promises.js';
import type { Scene } from './scene.js';
import type { ChannelSettings, ConsumeSettings, StepOf, Treatment } from './steps.js';
import { UserPublisher } from './user-publisher.js';
import { UserTopology } from './user-topology.js';

/** A channel of a user. */
export class UserChannel extends ChannelBase implements DeliveryOwner {
  readonly publisher = new UserPublisher(this);
  readonly topology = new UserTopology(this);
  readonly consumers = new Map<number, UserConsumer>();
  readonly allConsumers: UserConsumer[] = [];
  ended: { readonly error: Error | undefined } | undefined;
  closeAsked = false;
  /** The number of losses of the channel. */
  private losses = 0;
  /** The opening that was lost last. None of its deliveries may reach a handler any more. */
  private lostOpening = '';
  /** basic.recover was called: deliveries before it are void, and their number is not known. */
  private recovered = false;
  /** Every prefetch of the user, oldest first; 0 for no limit. */
  private readonly prefetches: { readonly count: number; answered: boolean; failed?: boolean }[];
  private held: Held[] = [];
  private closes = 0;
  private consumerCount = 0;

  constructor(scene: Scene, owner: ChannelOwner, name: string, settings: ChannelSettings) {
    super(scene, owner, name, settings);
    this.prefetches = [{ count: settings.prefetch ?? 0, answered: true }];
  }

  /**
   * The number of prefetches that no longer apply, since a later one was answered, or was asked for before the channel
   * was open.
   */
  get prefetchesOver(): number {
    const early = this.channel !== undefined && stateOf(this.channel) === 'opening';
    return this.prefetches.findLastIndex(({ answered, failed }) => answered || (early && !failed));
  }

  /** The number of prefetches that the user has asked for. */
  get prefetchesAsked(): number {
    return this.prefetches.length;
  }

  /**
   * Returns the possible prefetches of a consumer without its own. @param over `prefetchesOver` at the call of consume
   * @param asked `prefetchesAsked` when the consumer was registered for the first time
   */
  prefetchesBetween(over: number, asked?: number): readonly number[] {
    return this.prefetches.slice(over, asked).map(({ count }) => count);
  }

  /** The largest prefetch that a consumer without its own may have; 0 for none. */
  get prefetchAtMost(): number {
    const counts = this.prefetchesBetween(0);
    return counts.includes(0) ? 0 : Math.max(...counts);
  }

  override get isOver(): boolean {
    return this.closeAsked || this.ended !== undefined;
  }

  open(connection: Connection, onOpen: () => void): void {
    const { scene, name } = this;
    const { abortAfter, timeout, early, listener: _listener, ...settings } = this.settings;
    const { signal, abortAfter: aborted } = scene.signalAfter(abortAfter);
    const wait = timeout ?? scene.settings.rpcTimeout;
    const limits = { ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) };
    const within = Math.min(wait, aborted);
    if (early) {
      if (connection.state === 'closed' || connection.state === 'closing' || this.owner.closeAsked) return;
      const channel = connection.channel(settings);
      this.adopt(channel);
      onOpen();
      scene.promises.watch(`whenOpen ${name}`, () => channel.whenOpen({ timeout: wait, ...limits }), { within, asked: wait }); // prettier-ignore
      return;
    }
    scene.promises.watch(`openChannel ${name}`, () => connection.openChannel({ ...settings, ...limits }), { within, asked: timeout }, (_, channel) => {
      if (!channel) return;
      this.adopt(channel);
      onOpen();
    }); // prettier-ignore
  }

  private adopt(channel: Channel): void {
    const { scene, name } = this;
    this.channel = channel;
    this.publisher.adopt(channel);
    channel.on('lost', (error) => {
      this.losses++;
      this.lostOpening = this.opening;
      scene.trace.add('client', `${name} lost: ${error.message}`);
    });
    channel.on('restored', () => {
      scene.oracle.count('channel restored');
      scene.trace.add('client', `${name} restored`);
      this.listen(this.settings.listener);
    });
    channel.on('handlerError', (error) => scene.oracle.check(error instanceof UserError, 'typed', () => `${name}: handlerError ${String(error)}`)); // prettier-ignore
    channel.on('nack', () => scene.cluster.leaders.onTold(this.owner.wire!.id, channel.id));
    channel.on('tooLarge', (info) => {
      const key = keyOf(this.owner.wire!.id, channel.id, this.generation, info.deliveryTag);
      scene.ledger.intend(key, 'reject', false);
    });
    channel.on('closed', (error) => {
      this.onClosed(error);
    });
  }

  /** Called when the broker takes publishes again. */
  onUnblocked(): void {
    if (this.channel && !this.ended) this.listen(this.settings.listener);
  }

  private onClosed(error: Error | undefined): void {
    this.scene.trace.add('client', `${this.name} closed: ${error?.message ?? 'by the user'}`);
    this.ended = { error };
    this.scene.ledger.onCutOff(this.opening);
    for (const consumer of this.allConsumers) consumer.over = true;
  }

  /** Runs the action of a user's listener in the middle of the client's work. */
  private listen(act: ChannelSettings['listener']): void {
    const { scene } = this;
    if (act === undefined || scene.peace || this.closeAsked) return;
    scene.oracle.count(`listener: ${act}`);
    switch (act) {
      case 'abort':
        return this.publisher.abortWaiting();
      case 'publish':
        return this.publisher.publish({ exchange: '', key: 'safe0', count: 1, size: 20 });
      case 'close':
        return this.close(undefined);
      case 'throw':
        throw new UserError('listener');
    }
  }

  /** Checks that no delivery of a lost opening reaches a handler. */
  checkFresh(key: DeliveryKey, who: string): void {
    const stale = key.startsWith(`${this.lostOpening}#`);
    this.scene.oracle.check(
      !stale,
      'delivery',
      () => `${who}: delivery ${key} was handed out though its channel was lost`,
    );
  }

  close(timeout: number | undefined): void {
    const { channel, name } = this;
    if (!channel) return;
    this.closeAsked = true;
    const options = timeout === undefined ? {} : { timeout };
    const expected = { within: timeout ?? 10_000, invariant: 'close' };
    const { losses, scene } = this;
    const begun = scene.clock.now;
    const graceful = channel.isOpen && !this.owner.closeAsked && this.closes++ === 0;
    const served = this.allConsumers.filter(({ serves }) => serves);
    scene.promises.watch(`closeChannel ${name} ${timeout ?? ''}`, () => channel.close(options), expected, () => {
      const cut = scene.clock.now - begun >= expected.within || this.losses > losses || this.ended?.error !== undefined;
      if (!graceful || cut || this.closes > 1 || this.owner.closeAsked) return;
      const busy = served.find(({ handlersRunning }) => handlersRunning > 0);
      if (busy) scene.oracle.fail('close', `${name}: close() has not waited for the handler of ${busy.name}`);
    }); // prettier-ignore
  }

  /** Closes the channel from a handler, which awaits the close. */
  closeInside(): Promise<void> {
    const { channel, scene, name } = this;
    this.closeAsked = true;
    this.closes++;
    let done = false;
    scene.promises.watch(`closeChannel ${name} from its own handler`, () => channel!.close(), { within: 10_000, invariant: 'close' }, () => {
      done = true;
    }); // prettier-ignore
    // Other handlers take 3 s at most. After a fault, the close may take longer.
    scene.clock.in(6_000, () => scene.oracle.check(done || scene.faults > 0 || !scene.cluster.fair, 'self-close', () => `${name}: close() from its own handler takes more than 6 s`)); // prettier-ignore
    return channel!.close();
  }

  closedByBroker(): void {
    const { wire } = this.owner;
    if (this.channel && wire) this.scene.cluster.closeChannel(wire, this.channel.id);
  }

  /** Publishes thousands of messages at once, for a no-ack consumer that is slow at first. */
  flood({ at, conn, ch, queue, count, how }: StepOf<'flood'>): void {
    const { scene } = this;
    if (!this.channel) return;
    const on = { at, conn, ch, queue, settings: { noAck: true, concurrency: 1 } };
    const treatment: Treatment = { settle: 'ack', delay: 300, throws: 0, sync: false, gather: 2, asyncFirst: true };
    if (how === 'handler') this.consume({ ...on, kind: 'consume', slot: 0, treatment });
    else this.iterate({ ...on, kind: 'iterate', treatment, breakAfter: 1 });
    scene.clock.in(100, () => scene.cluster.putIn(queue, count));
  }

  // Consuming.

  consume(step: StepOf<'consume'>): void {
    const { scene } = this;
    const { consumer, options, timeout, abortAfter } = this.newConsumer(step.queue, step.settings, step.treatment);
    const { channel } = this;
    if (!channel) return;
    scene.promises.watch(`consume ${consumer.name} of ${step.queue} ${JSON.stringify(step.settings)} ${step.treatment.settle}`, () => channel.basicConsume(consumer.queueAtClient, consumer.handle, options), this.calls.limit(timeout, abortAfter), (error, registered) => {
      if (error !== undefined && step.settings.noAck) scene.ledger.lossyTags.add(consumer.name);
      if (!registered) return scene.topology.onConsumeUnclear(step.queue);
      consumer.adopt(registered);
      this.consumers.set(step.slot, consumer);
    }); // prettier-ignore
  }

  iterate(step: StepOf<'iterate'>): void {
    const { scene, channel, owner } = this;
    const { consumer, options } = this.newConsumer(step.queue, step.settings, step.treatment);
    if (!channel) return;
    const { onCancel: _, concurrency: __, ...rest } = options;
    const own = { ...rest, consumerTag: consumer.name };
    if (step.settings.noAck) scene.ledger.lossyTags.add(consumer.name);
    scene.oracle.count('call: iterate');
    scene.trace.add('user', `iterate ${consumer.name} of ${step.queue}`);
    consumer.looping = true;
    scene.topology.onLooping(owner.name, step.queue);
    iterate(consumer, channel.consume(consumer.queueAtClient, own), step.breakAfter).then(
      () => {
        consumer.looping = false;
        scene.trace.add('user', `iterate ${consumer.name}: left`);
      },
      (error: unknown) => {
        consumer.looping = false;
        scene.trace.add('user', `iterate ${consumer.name}: ${String(error)}`);
        scene.oracle.check(scene.isTyped(error), 'typed', () => `iterate ${consumer.name} threw ${String(error)}`);
      },
    );
  }

  private newConsumer(queue: string, settings: ConsumeSettings, treatment: Treatment) {
    const { scene } = this;
    const name = `${this.name}c${++this.consumerCount}`;
    const consumer = new UserConsumer(scene, this, name, queue, this.nameOnWire(queue), settings, treatment);
    this.allConsumers.push(consumer);
    const { timeout, abortAfter: after, tag, onCancel, ...own } = settings;
    const { signal, abortAfter } = scene.signalAfter(after);
    const options = {
      ...own,
      // Without its tag, a delivery for a no-ack consumer that was given up could not be recognised.
      ...(tag || settings.noAck ? { consumerTag: name } : {}),
      ...(onCancel ? { onCancel: () => void (consumer.over = true) } : {}),
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
    };
    return { consumer, options, timeout, abortAfter };
  }

  get(step: StepOf<'get'>): void {
    const { scene, channel } = this;
    if (!channel) return;
    const { signal, abortAfter } = scene.signalAfter(step.abortAfter);
    const { timeout, noAck = false } = step;
    const options = { noAck, ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) };
    const queue = this.nameOnWire(step.queue);
    scene.promises.watch(`get of ${step.queue} on ${this.name}`, () => channel.basicGet(queue, options), this.calls.limit(timeout, abortAfter), (_, delivery) => {
      if (!delivery) return;
      const held = this.receive(delivery, queue, 'get');
      if (!noAck) this.hold(held);
    }); // prettier-ignore
  }

  /** Notes a delivery to the user. @param queue the name at the call of consume; the queue may have been declared again since */
  receive(delivery: Delivery, queue: string, who: string): Held {
    const { scene, owner, channel } = this;
    const { oracle } = scene;
    const label = (owner.connection!.socket as SimSocket | undefined)?.label;
    const wire = label === undefined ? owner.wire!.id : Number(label.slice('client'.length));
    const { id, wrong } = matches(delivery.body, delivery.properties);
    const keyIn = (opening: number): DeliveryKey => keyOf(wire, channel!.id, opening, delivery.deliveryTag);
    let opening = scene.cluster.generation(wire, channel!.id);
    // A loop takes a delivery a turn after it has come: the broker may have opened the channel anew within that turn.
    if (scene.settings.answersWithinWrite)
      while (opening > 1 && !scene.ledger.hasDelivered(keyIn(opening), id)) opening--;
    const now = keyIn(opening);
    // A no-ack delivery may be handled long after its wire is gone.
    const queues = this.namesOnBroker(queue);
    const key = delivery.settled ? (scene.ledger.noAckDelivery(now, id, queues) ?? now) : now;
    scene.trace.add('user', `${who}: ${key} is message ${id}`);
    oracle.check(wrong === undefined, 'delivery', () => `${who}: delivery ${key}: ${wrong}`);
    const message = scene.ledger.find(id);
    if (!message) oracle.fail('delivery', `${who}: delivery ${key}: nobody has published message ${id}`);
    else {
      // Names by the broker change.
      const sameKey = message.key === delivery.routingKey || message.key.startsWith('amq.gen');
      const same = message.exchange === delivery.exchange && sameKey && message.size === delivery.body.length; // prettier-ignore
      oracle.check(same, 'delivery', () => `${who}: delivery ${key}: ${say(message)} came with exchange '${delivery.exchange}', key '${delivery.routingKey}', ${delivery.body.length} bytes`); // prettier-ignore
    }
    scene.ledger.onHanded(key, id, queues, who);
    return { delivery, key, id };
  }

  /** Returns all names that the queue has had, since a delivery may be handled long after a loss of the queue. */
  private namesOnBroker(known: string): ReadonlySet<string> {
    return this.owner.queueNames.get(known) ?? new Set([known]);
  }

  /** Holds a delivery until a step or the end settles it. */
  hold(held: Held): void {
    this.held.push(held);
  }

  settleHeld(how: 'ack' | 'nack' | 'multiple'): void {
    const held = this.held.filter(({ delivery }) => !delivery.settled);
    this.held = [];
    if (how === 'multiple') {
      const last = held.at(-1);
      if (last) this.settle(last, 'ack', true);
      this.held = held.filter(({ delivery }) => !delivery.settled);
      return;
    }
    for (const each of held) this.settle(each, how, false);
  }

  settle(held: Held, how: 'ack' | 'nack' | 'reject', multiple: boolean): void {
    const { scene } = this;
    const { delivery, key } = held;
    if (delivery.settled) return;
    const outcome = how === 'nack' ? 'requeue' : how;
    scene.trace.add('user', `${how}${multiple ? ' multiple' : ''} ${key}`);
    scene.oracle.count(`${how}${multiple ? ' multiple' : ''}`);
    if (this.isVoid(key)) scene.oracle.count(`stale ${how}`);
    else scene.ledger.intend(key, outcome, multiple, stateOf(this.channel!) === 'open' && !this.recovered);
    for (const consumer of this.allConsumers) consumer.onSettled(key, multiple);
    try {
      if (how === 'ack') delivery.ack(multiple ? { multiple } : undefined);
      else if (how === 'nack') delivery.nack(multiple ? { multiple } : {});
      else delivery.reject();
    } catch (error) {
      if (!(error instanceof AlreadySettledError)) scene.oracle.fail('typed', `${how} threw ${String(error)}`);
    }
  }

  /** Returns whether the opening of the channel that the delivery belongs to is over. */
  isVoid(key: DeliveryKey): boolean {
    const { channel, owner, scene } = this;
    const wire = owner.wire;
    if (!channel || !wire) return true;
    return !key.startsWith(`${wire.id}/${channel.id}.${scene.cluster.generation(wire.id, channel.id)}#`);
  }

  /** Returns whether a multiple settlement of `last` settles `other`, too. */
  covers(last: DeliveryKey, other: DeliveryKey): boolean {
    const [one, tag] = last.split('#');
    const [two, otherTag] = other.split('#');
    return one === two && Number(otherTag) <= Number(tag);
  }

  // Other steps.

  qos({ count, global }: StepOf<'qos'>): void {
    const asked = { count, answered: false, failed: false };
    if (!global) this.prefetches.push(asked);
    this.call(
      `qos ${count}`,
      (channel) => channel.basicQos(count, global ? { global } : {}),
      undefined,
      (error) => {
        asked.answered = error === undefined;
        asked.failed = !asked.answered;
      },
    );
  }

  confirmSelect(): void {
    this.call('confirmSelect', (channel) => channel.confirmSelect());
  }

  recover(async: boolean | undefined): void {
    this.recovered = true;
    this.call('recover', (channel) => (async ? channel.basicRecoverAsync() : channel.basicRecover()));
  }

  flow(): void {
    this.call('flow', (channel) => channel.channelFlow(true));
  }

  error(how: StepOf<'channelError'>['how']): void {
    switch (how) {
      case 'missingQueue':
        return this.call('passive declare', (channel) => channel.queueDeclare('missing', { passive: true }));
      case 'missingExchange':
        return this.call('bind to a missing exchange', (channel) => channel.queueBind('safe0', 'missing', ''));
      case 'different':
        return this.call('declare differently', (channel) => channel.exchangeDeclare('amq.topic', 'fanout'));
      case 'publish':
        return this.publisher.publishOne(this.scene.ledger.newId(), {
          exchange: 'missing',
          key: 'a',
          count: 1,
          size: 20,
        });
    }
  }
}
