import {
  AlreadySettledError,
  ConsumerCancelledError,
  NotFoundError,
  type Consumer,
  type Delivery,
} from '../../../lib/client/index.js';
import type { DeliveryKey } from './ledger.js';
import { UserError } from './promises.js';
import type { ConsumeSettings, Treatment } from './steps.js';
import type { DeliveryOwner, Held } from './held.js';
import type { Scene } from './scene.js';

/** A consumer of a user: its handler, with the checks at each call of the handler. */
export class UserConsumer {
  consumer: Consumer | undefined;
  /** The user has ended the consumer, or the client has reported its end. */
  over = false;
  cancelAsked = false;
  /** A loop over its deliveries runs. */
  looping = false;
  /** The client has reported the end of the consumer. */
  closed = false;
  /** The channel's `prefetchesOver` at the call of consume: see `UserChannel.prefetchesBetween`. */
  readonly prefetchesOver: number;
  /** The channel's `prefetchesAsked` when the consumer was registered for the first time. */
  prefetchesAsked: number | undefined;
  private running = 0;
  private cancelling = 0;
  private count = 0;
  private gathered: Held[] = [];
  private readonly outstanding = new Set<DeliveryKey>();
  private readonly seen = new Set<number>();

  constructor(
    private readonly scene: Scene,
    readonly channel: DeliveryOwner,
    readonly name: string,
    readonly queue: string,
    /** The queue's name in calls. If the broker named the queue, this is its first name. */
    readonly queueAtClient: string,
    readonly settings: ConsumeSettings,
    readonly treatment: Treatment,
  ) {
    this.prefetchesOver = channel.prefetchesOver;
  }

  /** Notes that the consumer is registered. */
  adopt(registered: Consumer): void {
    this.consumer = registered;
    this.prefetchesAsked = this.channel.prefetchesAsked;
    this.scene.topology.onConsuming(this.channel.owner.name, this.queue);
    void registered.closed.then((reason) => {
      this.scene.trace.add('client', `${this.name} ended: ${reason?.message ?? 'by the user'}`);
      this.closed = true;
      if (!this.over) this.checkEnd(reason);
      this.over ||= this.settings.noAck !== true;
    });
  }

  /** Handlers that a `close()` waits for. */
  get handlersRunning(): number {
    return this.treatment.settle === 'closeChannel' ? 0 : this.running;
  }

  /** The consumer is registered, and no side has ended it. */
  get serves(): boolean {
    return this.consumer !== undefined && !this.over && !this.closed && !this.cancelAsked;
  }

  /**
   * Checks that a consumer which its user has not ended has a reason to end. A missing queue that its client can declare is
   * none. The client forgets an auto-delete queue when its own last consumer ends, even if consumers of other connections
   * keep the queue, such as those of a dead connection that the broker still takes for alive.
   */
  private checkEnd(reason: unknown): void {
    const { scene, channel, queue } = this;
    const { cause } = (reason ?? {}) as { readonly cause?: unknown };
    if (!(reason instanceof ConsumerCancelledError) || !(cause instanceof NotFoundError)) return;
    const { topology, oracle } = scene;
    const { owner } = channel;
    const isKept = topology.isConsumedBeside(queue, owner.name) || scene.cluster.ghosts.mayHaveTaken(queue);
    const mayForget = queue.startsWith('auto') && isKept;
    const there = topology.isOf(owner.name, queue) && !owner.restoreFailed && !mayForget;
    oracle.check(!there, 'ended', () => `${this.name} of '${queue}', which can be declared again, has ended: ${reason.message}`); // prettier-ignore
  }

  /** Checks that no delivery waits while a handler may run. */
  private checkWaiting(): void {
    const { consumer, scene, settings } = this;
    // A channel or connection that closes cancels its consumers, and their waiting deliveries go back.
    if (!consumer || this.over || this.closed || this.cancelling > 0) return;
    if (this.channel.closeAsked || this.channel.owner.closeAsked) return;
    const waiting = consumer.inFlight - this.running;
    const full = this.running >= (settings.concurrency ?? Infinity);
    scene.oracle.check(waiting <= 0 || full, 'waiting', () => `${this.name}: ${waiting} deliveries wait, and ${this.running} handlers run; its concurrency is ${settings.concurrency}`); // prettier-ignore
  }

  /** The handler for `basicConsume`. */
  readonly handle = (delivery: Delivery): unknown => {
    const { scene, settings, treatment } = this;
    const { oracle } = scene;
    const held = this.receive(delivery);
    if (!settings.noAck) this.channel.checkFresh(held.key, this.name);
    oracle.check(
      !this.over || settings.noAck === true,
      'ended',
      () => `${this.name}: got delivery ${held.key} after its end`,
    );
    this.running++;
    oracle.check(this.running <= (settings.concurrency ?? Infinity), 'concurrency', () => `${this.name}: ${this.running} handlers run; its concurrency is ${settings.concurrency}`); // prettier-ignore
    const done = (): void => void this.running--;
    const fails = !scene.peace && treatment.throws > 0 && this.count % treatment.throws === 0;
    if (fails) {
      oracle.count('handler throws');
      this.channel.hold(held);
      done();
      scene.clock.in(0, () => this.checkWaiting());
      if (treatment.sync) throw new UserError('handler');
      return Promise.reject(new UserError('handler'));
    }
    if (scene.peace || (treatment.asyncFirst ? this.count > 1 : treatment.sync)) {
      const treated = this.treat(held, 'within the call');
      if (treated) return treated.finally(done);
      done();
      return undefined;
    }
    return this.later(held).finally(done);
  };

  /** Notes a delivery to a handler or to a loop. */
  receive(delivery: Delivery): Held {
    const { scene, channel } = this;
    const held = channel.receive(delivery, this.queueAtClient, this.name);
    this.count++;
    scene.oracle.count('handled');
    const message = scene.ledger.find(held.id);
    if (message) scene.ledger.onConsumed(this.name, message, delivery.redelivered);
    if (this.settings.noAck) return held;
    // basic.recover requeues deliveries that have come and those on their way.
    const isVoid = (key: DeliveryKey): boolean =>
      channel.isVoid(key) || scene.ledger.deliveries.get(key)?.settled === true;
    for (const key of this.outstanding) if (isVoid(key)) this.outstanding.delete(key);
    this.outstanding.add(held.key);
    const limit = this.settings.prefetch ?? channel.prefetchAtMost;
    // The broker may cancel a consumer that has deliveries. Once it is registered again, these deliveries do not count.
    const registrations = scene.registrations.get(`${channel.owner.name} ${channel.channel!.id}`) ?? 1;
    if (limit > 0) scene.oracle.check(this.outstanding.size <= limit * registrations, 'prefetch', () => `${this.name}: ${this.outstanding.size} deliveries are unsettled; its prefetch is ${limit}`); // prettier-ignore
    return held;
  }

  /** Treats a delivery after its delay, in a promise or in the body of a loop. */
  async later(held: Held): Promise<void> {
    if (this.treatment.delay > 0 && !this.scene.peace) await this.scene.sleep(this.treatment.delay);
    else await Promise.resolve();
    await this.treat(held, 'later');
  }

  /** Treats a delivery. Returns a promise if the handler has to wait. */
  private treat(held: Held, when: 'within the call' | 'later'): Promise<void> | undefined {
    const { scene, channel, treatment } = this;
    if (this.settings.noAck) return undefined;
    if (scene.peace) {
      this.settle(held, 'ack');
      return undefined;
    }
    if (treatment.settle === 'closeChannel') {
      this.settle(held, 'ack');
      const closed = channel.closeInside();
      // After an await, close() cannot tell that a handler calls it. The handler must not await it then, as the docs say.
      return when === 'later' ? undefined : closed;
    }
    this.carryOut(held);
    return undefined;
  }

  private carryOut(held: Held): void {
    const { scene, channel, treatment } = this;
    switch (treatment.settle) {
      case 'closeChannel':
      case 'ack':
        return this.settle(held, 'ack');
      case 'twice':
        this.settle(held, 'ack');
        return this.settleAgain(held);
      case 'nackOnce':
        if (this.seen.has(held.id)) return this.settle(held, 'ack');
        this.seen.add(held.id);
        return this.settle(held, 'nack');
      case 'reject':
        return this.settle(held, 'reject');
      case 'hold':
        return channel.hold(held);
      case 'stale':
      case 'staleNack':
        // A long time passes, and the channel may be another one by then.
        return void scene
          .sleep(treatment.delay + 1_500)
          .then(() => this.settle(held, treatment.settle === 'stale' || scene.peace ? 'ack' : 'nack'));
      case 'cancelInside':
        this.settle(held, 'ack');
        return this.cancel({});
      case 'multiple':
      case 'mixed':
      case 'reverse':
        return this.gather(held);
    }
  }

  private gather(held: Held): void {
    this.gathered.push(held);
    if (this.gathered.length === 1) void this.scene.sleep(700).then(() => this.settleGathered());
    const room = Math.min(this.settings.prefetch ?? this.channel.prefetchAtMost, this.settings.concurrency ?? Infinity) || Infinity; // prettier-ignore
    if (this.gathered.length >= Math.min(this.treatment.gather, room)) this.settleGathered();
  }

  private settleGathered(): void {
    const gathered = this.gathered.filter(({ delivery, key }) => !delivery.settled && !this.channel.isVoid(key));
    for (const held of this.gathered) if (!gathered.includes(held)) this.channel.hold(held);
    this.gathered = [];
    const last = gathered.at(-1);
    if (!last) return;
    switch (this.treatment.settle) {
      case 'multiple':
        return this.settle(last, 'ack', true);
      case 'mixed': {
        const [first] = gathered;
        // The user requeues each message once. Requeueing for ever would flood the queue.
        if (this.seen.has(last.id)) return this.settle(last, 'ack', true);
        for (const { id } of gathered) this.seen.add(id);
        if (first !== last) this.settle(first!, 'ack');
        return this.settle(last, 'nack', true);
      }
      default:
        for (const held of gathered.reverse()) this.settle(held, 'ack');
    }
  }

  private settle(held: Held, how: 'ack' | 'nack' | 'reject', multiple = false): void {
    this.channel.settle(held, how, multiple);
  }

  /** Notes that the user has settled one delivery, or all deliveries up to it. */
  onSettled(settled: DeliveryKey, multiple: boolean): void {
    this.outstanding.delete(settled);
    if (!multiple) return;
    for (const key of this.outstanding) if (this.channel.covers(settled, key)) this.outstanding.delete(key);
  }

  private settleAgain(held: Held): void {
    try {
      held.delivery.ack();
      this.scene.oracle.fail('settlement', `${this.name}: delivery ${held.key} could be acked twice`);
    } catch (error) {
      if (!(error instanceof AlreadySettledError)) this.scene.oracle.fail('typed', `ack twice: ${String(error)}`);
    }
  }

  cancel(options: { readonly timeout?: number; readonly abortAfter?: number }): void {
    const { consumer, scene } = this;
    if (!consumer) return;
    this.cancelAsked = true;
    const { timeout } = options;
    const { signal, abortAfter } = scene.signalAfter(options.abortAfter);
    const call = { ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) };
    const { asked: _, ...limit } = this.channel.calls.limit(timeout, abortAfter);
    this.cancelling++;
    scene.promises.watch(`cancel ${this.name}`, () => consumer.cancel(call), limit, (error) => {
      this.cancelling--;
      if (error !== undefined) scene.clock.in(0, () => this.checkWaiting());
      // A delivery without acknowledgement cannot go back, so the user still handles it.
      if (error === undefined && !this.settings.noAck) this.over = true;
    }); // prettier-ignore
  }
}

/** Runs a loop over `channel.consume()`. */
export async function iterate(
  consumer: UserConsumer,
  iterator: AsyncIterableIterator<Delivery>,
  breakAfter: number,
): Promise<void> {
  let count = 0;
  for await (const delivery of iterator) {
    const held = consumer.receive(delivery);
    await consumer.later(held);
    if (++count >= breakAfter) break;
  }
}
