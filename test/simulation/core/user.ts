import {
  AlreadySettledError,
  connect,
  ConfigurationError,
  EncodingError,
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  type AmqpError,
  type Channel,
  type Connection,
  type Delivery,
} from '../../../lib/client/index.js';
import { Rate } from '../engine/oracle.js';
import type { SimSocket } from '../engine/sim-socket.js';
import type { Wire } from '../engine/wire.js';
import { BindingBook, nameOf } from './binding-book.js';
import { iterate, UserConsumer, type Held } from './consumers.js';
import { currentName } from './internals.js';
import { keyOf, say, type DeliveryKey, type Published } from './ledger.js';
import { bodyOf, matches, propertiesOf } from './messages.js';
import { UserError } from './promises.js';
import type { Scene } from './scene.js';
import {
  exchangeType,
  queueOptions,
  type ChannelSettings,
  type ConsumeSettings,
  type Step,
  type Treatment,
} from './steps.js';

type Of<K extends Step['kind']> = Extract<Step, { readonly kind: K }>;

/** Socket openings and channel openings that one connection may cause within a minute. */
const OPENINGS_A_MINUTE = 250;

/** Of a publish that was never on the wire. */
function wasNotSent(error: unknown): boolean {
  if (error instanceof EncodingError || error instanceof ConfigurationError) return true;
  return (error as { outcome?: unknown } | undefined)?.outcome === 'not-sent';
}

/** One connection of the user's, from `connect()` to its end. */
export class UserConnection {
  connection: Connection | undefined;
  readonly channels = new Map<number, UserChannel>();
  /** All that there ever were. */
  readonly allChannels: UserChannel[] = [];
  readonly wires: Wire[] = [];
  readonly bindings = new BindingBook();
  /** Something could not be declared again, and this was told. */
  restoreFailed = false;
  closeAsked = false;
  ended: { readonly error: AmqpError | undefined } | undefined;
  private readonly sockets: Rate;
  private readonly failures = new Map<string, Rate>();
  private count = 0;

  constructor(
    private readonly scene: Scene,
    /** Unique; the broker shows it. */
    readonly name: string,
  ) {
    // A round tries every node.
    this.sockets = new Rate(OPENINGS_A_MINUTE * scene.settings.nodes, 60_000);
  }

  /** The wire that is used now, or was used last. */
  get wire(): Wire | undefined {
    return this.wires.at(-1);
  }

  open(step: Of<'connect'>): void {
    const { scene, name } = this;
    const { settings } = scene;
    const { signal, abortAfter } = scene.signalAfter(step.abortAfter);
    const urls = Array.from({ length: settings.nodes }, (_, node) => `amqp://guest:guest@node${node}:5672`);
    let asked = 0;
    const resolve = async (): Promise<string[]> => {
      const delay = asked++ === 0 ? step.resolver! : Math.max(0, step.resolver!);
      await (delay < 0 ? new Promise(() => {}) : scene.sleep(delay));
      return urls;
    };
    const options = {
      urls: step.resolver === undefined ? urls : resolve,
      connectionName: name,
      clock: scene.clock.for('client'),
      random: scene.random.split(name),
      heartbeat: settings.heartbeat,
      rpcTimeout: settings.rpcTimeout,
      connectTimeout: settings.connectTimeout,
      frameMax: settings.frameMax,
      writeBufferSize: settings.writeBufferSize,
      maxMessageSize: settings.maxMessageSize,
      reconnect: settings.reconnect,
      createSocket: async ({ host }: { host: string }, stop: AbortSignal) => this.socket(Number(host.slice(4)), stop),
      logger: { warn: (message: string) => this.log(message) },
      ...(signal ? { signal } : {}),
    };
    const rounds = settings.nodes + (step.resolver === undefined ? 0 : 1);
    const within = Math.min(rounds * settings.connectTimeout, abortAfter);
    scene.promises.watch(`connect ${name}`, () => connect(options), { within }, (error, connection) => {
      if (connection) this.adopt(connection);
      else this.ended = { error: error as AmqpError };
    }); // prettier-ignore
  }

  close(timeout: number | undefined): void {
    const { connection, name } = this;
    if (!connection) return;
    this.closeAsked = true;
    const options = timeout === undefined ? {} : { timeout };
    this.scene.promises.watch(
      `closeConnection ${name} ${timeout ?? ''}`,
      () => connection.close(options),
      { within: timeout ?? 10_000, invariant: 'close' },
      () =>
        this.scene.oracle.check(
          connection.state === 'closed',
          'close',
          () => `${name} is ${connection.state} after close()`,
        ),
    );
  }

  openChannel(step: Of<'openChannel'>): void {
    const { connection, scene } = this;
    if (!connection) return;
    const channel = new UserChannel(scene, this, `${this.name}ch${++this.count}`, step.settings);
    this.allChannels.push(channel);
    channel.open(connection, () => {
      const before = this.channels.get(step.ch);
      // A user who forgets a channel would keep what it holds for ever.
      before?.close(undefined);
      this.channels.set(step.ch, channel);
    });
  }

  private async socket(node: number, stop: AbortSignal): Promise<SimSocket> {
    const { scene } = this;
    const rate = this.sockets.hit(scene.clock.now);
    if (rate !== undefined) scene.oracle.fail('storm', `${this.name}: ${rate} attempts to connect within a minute`);
    scene.oracle.count('socket asked for');
    const wire = await scene.cluster.network.connect(node, stop);
    scene.trace.add('net', `wire ${wire.id}: ${this.name} to node ${node}`);
    this.wires.push(wire);
    return wire.client;
  }

  private log(message: string): void {
    this.scene.trace.add('log', `${this.name}: ${message}`);
    if (this.scene.settings.logger === 'throws' && !this.scene.peace) throw new UserError('logger');
  }

  private adopt(connection: Connection): void {
    const { scene, name } = this;
    const { oracle, trace } = scene;
    this.connection = connection;
    connection.on('disconnected', (error) => {
      oracle.count('disconnected');
      trace.add('client', `${name} disconnected: ${error.message}`);
      const { replyCode } = error;
      const confused = replyCode !== undefined && replyCode >= 501 && replyCode <= 505 && error.message.includes('not AMQP'); // prettier-ignore
      if (confused && !scene.cluster.bytesBroken) oracle.fail('protocol', `${name} does not understand the broker: ${error.message}`); // prettier-ignore
    });
    connection.on('reconnected', () => {
      oracle.count('reconnected');
      trace.add('client', `${name} reconnected`);
    });
    connection.on('reconnectFailed', (error) => trace.add('client', `${name} reconnectFailed: ${error.message}`));
    connection.on('restoreFailed', (entity, error) => {
      oracle.count('restoreFailed');
      this.restoreFailed = true;
      const rate = this.failures.get(entity) ?? new Rate(5, 10_000);
      this.failures.set(entity, rate);
      const failures = rate.hit(scene.clock.now);
      if (failures !== undefined) oracle.fail('storm', `${name}: restoreFailed is told ${failures} times for ${entity} within 10 s`); // prettier-ignore
      trace.add('client', `${name} restoreFailed ${entity}: ${String(error)}`);
    });
    connection.on('blocked', () => void oracle.count('blocked'));
    connection.on('closed', (error) => {
      trace.add('client', `${name} closed: ${error?.message ?? 'by the user'}`);
      this.ended = { error };
    });
    // It may have closed in the turn that it opened.
    if (connection.state === 'closed') this.ended ??= { error: undefined };
  }
}

/** One channel of the user's. */
export class UserChannel {
  channel: Channel | undefined;
  readonly consumers = new Map<number, UserConsumer>();
  readonly allConsumers: UserConsumer[] = [];
  ended: { readonly error: AmqpError | undefined } | undefined;
  closeAsked = false;
  /** Every prefetch that was wished for; 0 once it was without limit. */
  private prefetches: number[];
  private held: Held[] = [];
  private published = 0;
  private waiting = 0;
  private waitingBytes = 0;
  private consumerCount = 0;
  private culprit: { readonly at: number; index: number; readonly behind: Published[] } = {
    at: -1,
    index: 0,
    behind: [],
  };

  constructor(
    readonly scene: Scene,
    readonly owner: UserConnection,
    readonly name: string,
    readonly settings: ChannelSettings,
  ) {
    this.prefetches = [settings.prefetch ?? 0];
  }

  /** The largest prefetch that a consumer without its own may have; 0 for none. */
  get prefetchAtMost(): number {
    return this.prefetches.includes(0) ? 0 : Math.max(...this.prefetches);
  }

  /** The prefetches that a consumer without its own may have. */
  get prefetchesAllowed(): readonly number[] {
    return this.prefetches;
  }

  open(connection: Connection, onOpen: () => void): void {
    const { scene, name } = this;
    const { abortAfter, timeout, ...settings } = this.settings;
    const { signal, abortAfter: aborted } = scene.signalAfter(abortAfter);
    const wait = timeout ?? scene.settings.rpcTimeout;
    const options = { ...settings, ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) };
    const within = Math.min(5 * wait, aborted);
    scene.promises.watch(`openChannel ${name}`, () => connection.openChannel(options), { within, asked: timeout }, (_, channel) => {
      if (!channel) return;
      this.channel = channel;
      channel.on('lost', (error) => scene.trace.add('client', `${name} lost: ${error.message}`));
      channel.on('restored', () => {
        scene.oracle.count('channel restored');
        scene.trace.add('client', `${name} restored`);
      });
      channel.on('handlerError', (error) => scene.oracle.check(error instanceof UserError, 'typed', () => `${name}: handlerError ${String(error)}`));
      channel.on('tooLarge', (info) => {
        const key = keyOf(this.owner.wire!.id, channel.id, this.generation, info.deliveryTag);
        scene.ledger.intend(key, 'reject', false);
      });
      channel.on('closed', (error) => this.onClosed(error));
      onOpen();
    }); // prettier-ignore
  }

  private onClosed(error: AmqpError | undefined): void {
    this.scene.trace.add('client', `${this.name} closed: ${error?.message ?? 'by the user'}`);
    this.ended = { error };
    for (const consumer of this.allConsumers) consumer.over = true;
  }

  private get generation(): number {
    return this.scene.cluster.generation(this.owner.wire!.id, this.channel!.id);
  }

  close(timeout: number | undefined): void {
    const { channel, name } = this;
    if (!channel) return;
    this.closeAsked = true;
    const options = timeout === undefined ? {} : { timeout };
    const expected = { within: timeout ?? 10_000, invariant: 'close' };
    this.scene.promises.watch(`closeChannel ${name} ${timeout ?? ''}`, () => channel.close(options), expected);
  }

  /** From a handler, which waits for it. */
  closeInside(): Promise<void> {
    const { channel, scene, name } = this;
    this.closeAsked = true;
    let done = false;
    scene.promises.watch(`closeChannel ${name} from its own handler`, () => channel!.close(), { within: 10_000, invariant: 'close' }, () => {
      done = true;
    }); // prettier-ignore
    // Other handlers take 3 s at most; what is broken may take longer.
    scene.clock.in(6_000, () => scene.oracle.check(done || scene.faults > 0 || !scene.cluster.fair, 'self-close', () => `${name}: close() from its own handler takes more than 6 s`)); // prettier-ignore
    return channel!.close();
  }

  closedByBroker(): void {
    const { wire } = this.owner;
    if (this.channel && wire) this.scene.cluster.closeChannel(wire, this.channel.id);
  }

  /** Thousands of messages at once, for a consumer without acknowledgement that is slow only at first. */
  flood({ at, conn, ch, queue, count, how }: Of<'flood'>): void {
    const { scene } = this;
    if (!this.channel) return;
    const on = { at, conn, ch, queue, settings: { noAck: true, concurrency: 1 } };
    const treatment: Treatment = { settle: 'ack', delay: 300, throws: 0, sync: false, gather: 2, asyncFirst: true };
    if (how === 'handler') this.consume({ ...on, kind: 'consume', slot: 0, treatment });
    else this.iterate({ ...on, kind: 'iterate', treatment, breakAfter: 1 });
    scene.clock.in(100, () => scene.cluster.putIn(queue, count));
  }

  // Publishing.

  publish({ what }: Of<'publish'>): void {
    for (let count = 0; count < what.count; count++) {
      const id = this.scene.ledger.newId();
      if (what.twins) this.publishOne(id, { ...what, mandatory: false });
      this.publishOne(id, what.twins ? { ...what, mandatory: true } : what);
    }
  }

  /** One publish whose outcome is told. */
  probe(then: (error: unknown) => void): void {
    this.publishOne(this.scene.ledger.newId(), { exchange: '', key: 'safe0', count: 1, size: 20 }, then);
  }

  private publishOne(id: number, what: Of<'publish'>['what'], then: (error: unknown) => void = () => {}): void {
    const { channel, scene, settings } = this;
    if (!channel) return;
    const { oracle, ledger } = scene;
    const properties = propertiesOf(id, what);
    const body = bodyOf(id, what.size, properties.messageId !== undefined);
    const { exchange, mandatory = false } = what;
    const key = exchange === '' ? this.nameOnWire(what.key) : what.key;
    const message: Published = {
      id,
      channel: this.name,
      index: this.published++,
      exchange,
      key,
      mandatory,
      persistent: !what.transient,
      size: body.length,
      mayRepeat: settings.republishUnconfirmed === true,
      twin: what.twins === true,
      rolledBack: false,
      promise: 'pending',
      outcomes: [],
    };
    ledger.add(message);
    const { signal, abortAfter } = scene.signalAfter(what.abortAfter);
    const { timeout } = what;
    const options = {
      ...properties,
      mandatory,
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
    };
    const confirming = channel.confirming;
    const [waiting, waitingBytes] = [this.waiting, this.waitingBytes];
    this.waiting++;
    this.waitingBytes += body.length;
    const within = Math.min(timeout ?? settings.publishTimeout ?? 30_000, abortAfter);
    scene.promises.watch(`publish ${id} on ${this.name} to '${exchange}' '${key}', ${body.length} bytes`, () => channel.publish(exchange, key, body, options), { within }, (error, tag) => {
      this.waiting--;
      this.waitingBytes -= body.length;
      // It was ours until now; from here on it may be anything.
      body.fill(0);
      then(error);
      if (error === undefined) {
        if (tag! > 0) return ledger.onConfirmed(message);
        message.promise = 'handed';
        return oracle.check(!confirming, 'confirmed', () => `${say(message)} resolved with 0 though confirms are on`);
      }
      this.checkSiblings(message, error);
      if (error instanceof MessageReturnedError) return ledger.onReturned(message);
      if (error instanceof PublishNackedError) return ledger.onNacked(message);
      if (error instanceof PublishRefusedError) this.checkRefusal(error, waiting, waitingBytes + body.length);
      if (wasNotSent(error)) return ledger.onNotSent(message, String(error));
      message.promise = 'other';
    }); // prettier-ignore
    const { maxUnconfirmed = 10_000, maxWaiting = 100_000 } = settings;
    // What is refused at once is refused by then.
    scene.clock.in(0, () => {
      const { waiting: underWay } = this;
      oracle.check(underWay <= maxUnconfirmed + maxWaiting, 'bounds', () => `${this.name}: ${underWay} publishes are under way; ${maxUnconfirmed} may be unconfirmed, ${maxWaiting} may wait`); // prettier-ignore
    });
  }

  /** A publish to an exchange that is missing closes the channel: what was sent behind it is certainly not there. */
  private checkSiblings(message: Published, error: unknown): void {
    const { now } = this.scene.clock;
    if (this.culprit.at !== now) this.culprit = { at: now, index: Infinity, behind: [] };
    const { culprit } = this;
    if (error instanceof NotFoundError) culprit.index = Math.min(culprit.index, message.index);
    else if ((error as { outcome?: unknown }).outcome === 'unknown') culprit.behind.push(message);
    const wronged = culprit.behind.find(({ index }) => index > culprit.index);
    if (wronged) this.scene.oracle.fail('siblings', `${say(wronged)} was told as 'unknown', though publish ${culprit.index} before it had closed the channel`); // prettier-ignore
  }

  /** "N publishes wait already" is said only when there are so many, or so many bytes. */
  private checkRefusal(error: PublishRefusedError, waiting: number, bytes: number): void {
    if (!error.message.includes('publishes wait already')) return;
    const { maxWaiting = 100_000, maxWaitingBytes = 64 * 1024 * 1024 } = this.settings;
    const full = waiting >= maxWaiting || bytes > maxWaitingBytes;
    this.scene.oracle.check(full, 'refused', () => `${this.name}: ${error.message}; only ${waiting} publishes with ${bytes} bytes are under way`); // prettier-ignore
  }

  waitForConfirms(timeout: number): void {
    const { channel } = this;
    if (channel) this.scene.promises.watch(`waitForConfirms ${this.name}`, () => channel.waitForConfirms({ timeout }), { within: timeout }); // prettier-ignore
  }

  // Topology.

  /** Queues that the broker names have two names: the user's, which stays, and the broker's, which changes. */
  private nameOnWire(queue: string): string {
    return this.scene.named.get(`${this.owner.name} ${queue}`) ?? queue;
  }

  call(
    what: string,
    call: (channel: Channel) => Promise<unknown>,
    timeout?: number,
    then?: (error: unknown, value?: unknown) => void,
  ): void {
    const { channel, scene } = this;
    if (!channel) return;
    const wait = timeout ?? scene.settings.rpcTimeout;
    scene.promises.watch(`${what} on ${this.name}`, () => call(channel), { within: 2 * wait, asked: timeout }, then);
  }

  declareQueue({ queue, differently, timeout }: Of<'declareQueue'>): void {
    const { scene, owner } = this;
    const options = { ...queueOptions(queue), ...(differently ? { arguments: { 'x-max-length': 77 } } : {}), ...(timeout === undefined ? {} : { timeout }) }; // prettier-ignore
    const named = queue.startsWith('named');
    const key = `${owner.name} ${queue}`;
    const name = named ? (scene.named.get(key) ?? '') : queue;
    scene.topology.onDeclaring(owner.name, queue);
    this.call(`declareQueue ${queue}`, (channel) => channel.queueDeclare(name, options), timeout, (error, declared) => {
      if (error === undefined && named && declared) scene.named.set(key, (declared as { queue: string }).queue);
      scene.topology.onDeclared(owner.name, queue, error);
    }); // prettier-ignore
  }

  deleteQueue({ queue, timeout }: Of<'deleteQueue'>): void {
    const { scene, owner } = this;
    const name = this.nameOnWire(queue);
    scene.topology.onDeleting(owner.name, queue);
    owner.bindings.deletingQueue(queue);
    const options = timeout === undefined ? {} : { timeout };
    this.call(`deleteQueue ${queue}`, (channel) => channel.queueDelete(name, options), timeout, (error) => {
      if (error === undefined) scene.named.delete(`${owner.name} ${queue}`);
      scene.topology.onDeleted(owner.name, queue, error);
    }); // prettier-ignore
  }

  purgeQueue({ queue }: Of<'purgeQueue'>): void {
    this.call(`purgeQueue ${queue}`, (channel) => channel.queuePurge(queue));
  }

  declareExchange({ exchange, differently }: Of<'declareExchange'>): void {
    const type = differently ? 'fanout' : exchangeType(exchange);
    const options = exchange.startsWith('auto') ? { durable: false, autoDelete: true } : {};
    const told = this.owner.bindings.declaring(exchange);
    this.call(
      `declareExchange ${exchange}`,
      (channel) => channel.exchangeDeclare(exchange, type, options),
      undefined,
      told,
    );
  }

  deleteExchange({ exchange }: Of<'deleteExchange'>): void {
    const told = this.owner.bindings.deletingExchange(exchange);
    this.call(`deleteExchange ${exchange}`, (channel) => channel.exchangeDelete(exchange), undefined, told);
  }

  bind({ queue, exchange, key, args, kind }: Of<'bind'> | Of<'unbind'>): void {
    const name = this.nameOnWire(queue);
    const given = args === undefined ? {} : { 'x-match': 'all', n: args };
    const options = { arguments: given };
    const told = this.owner.bindings.changing(
      nameOf(exchange, 'queue', queue, key, given),
      kind === 'bind' ? 'there' : 'gone',
    );
    this.call(`${kind} ${queue} ${exchange} ${key} ${args ?? ''}`, (channel) =>
      kind === 'bind' ? channel.queueBind(name, exchange, key, options) : channel.queueUnbind(name, exchange, key, options),
      undefined, told,
    ); // prettier-ignore
  }

  bindExchange({ from, to, key, kind }: Of<'bindExchange'> | Of<'unbindExchange'>): void {
    const told = this.owner.bindings.changing(
      nameOf(from, 'exchange', to, key, {}),
      kind === 'bindExchange' ? 'there' : 'gone',
    );
    this.call(`${kind} ${to} to ${from} ${key}`, (channel) =>
      kind === 'bindExchange' ? channel.exchangeBind(to, from, key) : channel.exchangeUnbind(to, from, key),
      undefined, told,
    ); // prettier-ignore
  }

  // Consuming.

  consume(step: Of<'consume'>): void {
    const { scene } = this;
    const { consumer, options, timeout, abortAfter } = this.newConsumer(step.queue, step.settings, step.treatment);
    const wait = timeout ?? scene.settings.rpcTimeout;
    const { channel } = this;
    if (!channel) return;
    const name = this.nameOnWire(step.queue);
    const within = Math.min(2 * wait, abortAfter);
    scene.promises.watch(`consume ${consumer.name} of ${step.queue} ${JSON.stringify(step.settings)} ${step.treatment.settle}`, () => channel.basicConsume(name, consumer.handle, options), { within, asked: timeout }, (error, registered) => {
      if (!registered) return;
      consumer.consumer = registered;
      this.consumers.set(step.slot, consumer);
      void registered.closed.then((reason) => {
        scene.trace.add('client', `${consumer.name} ended: ${reason?.message ?? 'by the user'}`);
        consumer.closed = true;
        consumer.over ||= !step.settings.noAck;
      });
    }); // prettier-ignore
  }

  iterate(step: Of<'iterate'>): void {
    const { scene, channel } = this;
    const { consumer, options } = this.newConsumer(step.queue, step.settings, step.treatment);
    if (!channel) return;
    const { onCancel: _, concurrency: __, ...rest } = options;
    const own = { ...rest, consumerTag: consumer.name };
    if (step.settings.noAck) scene.ledger.lossyTags.add(consumer.name);
    scene.oracle.count('call: iterate');
    scene.trace.add('user', `iterate ${consumer.name} of ${step.queue}`);
    consumer.looping = true;
    iterate(consumer, channel.consume(this.nameOnWire(step.queue), own), step.breakAfter).then(
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
    const consumer = new UserConsumer(scene, this, name, queue, settings, treatment);
    this.allConsumers.push(consumer);
    const { timeout, abortAfter: after, tag, onCancel, ...own } = settings;
    const { signal, abortAfter } = scene.signalAfter(after);
    const options = {
      ...own,
      ...(tag ? { consumerTag: name } : {}),
      ...(onCancel ? { onCancel: () => void (consumer.over = true) } : {}),
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
    };
    return { consumer, options, timeout, abortAfter };
  }

  get(step: Of<'get'>): void {
    const { scene, channel } = this;
    if (!channel) return;
    const { signal, abortAfter } = scene.signalAfter(step.abortAfter);
    const { timeout, noAck = false } = step;
    const options = { noAck, ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) };
    const within = Math.min(2 * (timeout ?? scene.settings.rpcTimeout), abortAfter);
    scene.promises.watch(`get of ${step.queue} on ${this.name}`, () => channel.basicGet(this.nameOnWire(step.queue), options), { within, asked: timeout }, (_, delivery) => {
      if (!delivery) return;
      const held = this.receive(delivery, step.queue, 'get');
      if (!noAck) this.hold(held);
    }); // prettier-ignore
  }

  /** A delivery has come to the user. */
  receive(delivery: Delivery, queue: string, who: string): Held {
    const { scene, owner, channel } = this;
    const { oracle } = scene;
    const label = (owner.connection!.socket as SimSocket | undefined)?.label;
    const wire = label === undefined ? owner.wire!.id : Number(label.slice('client'.length));
    const { id, wrong } = matches(delivery.body, delivery.properties);
    const now = keyOf(wire, channel!.id, scene.cluster.generation(wire, channel!.id), delivery.deliveryTag);
    // What needs no acknowledgement may be handled long after its wire is gone.
    const key = delivery.settled ? (scene.ledger.noAckDelivery(now, id) ?? now) : now;
    scene.trace.add('user', `${who}: ${key} is message ${id}`);
    oracle.check(wrong === undefined, 'delivery', () => `${who}: delivery ${key}: ${wrong}`);
    const message = scene.ledger.find(id);
    if (!message) oracle.fail('delivery', `${who}: delivery ${key}: nobody has published message ${id}`);
    else {
      // The names that the broker gives change.
      const sameKey = message.key === delivery.routingKey || message.key.startsWith('amq.gen');
      const same = message.exchange === delivery.exchange && sameKey && message.size === delivery.body.length; // prettier-ignore
      oracle.check(same, 'delivery', () => `${who}: delivery ${key}: ${say(message)} came with exchange '${delivery.exchange}', key '${delivery.routingKey}', ${delivery.body.length} bytes`); // prettier-ignore
    }
    scene.ledger.onHanded(key, id, this.nameOnBroker(queue), who);
    return { delivery, key, id };
  }

  private nameOnBroker(queue: string): string {
    return this.owner.connection ? currentName(this.owner.connection, this.nameOnWire(queue)) : queue;
  }

  /** It is settled at the end, or when a step says so. */
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
    else scene.ledger.intend(key, outcome, multiple);
    for (const consumer of this.allConsumers) consumer.onSettled(key, multiple);
    try {
      if (how === 'ack') delivery.ack(multiple ? { multiple } : undefined);
      else if (how === 'nack') delivery.nack(multiple ? { multiple } : {});
      else delivery.reject();
    } catch (error) {
      if (!(error instanceof AlreadySettledError)) scene.oracle.fail('typed', `${how} threw ${String(error)}`);
    }
  }

  /** The opening of the channel that this delivery belongs to is over. */
  isVoid(key: DeliveryKey): boolean {
    const { channel, owner, scene } = this;
    const wire = owner.wire;
    if (!channel || !wire) return true;
    return !key.startsWith(`${wire.id}/${channel.id}.${scene.cluster.generation(wire.id, channel.id)}#`);
  }

  /** A multiple settlement of `last` takes `other` along. */
  covers(last: DeliveryKey, other: DeliveryKey): boolean {
    const [one, tag] = last.split('#');
    const [two, otherTag] = other.split('#');
    return one === two && Number(otherTag) <= Number(tag);
  }

  // The rest.

  qos({ count, global }: Of<'qos'>): void {
    if (!global) this.prefetches.push(count);
    this.call(`qos ${count}`, (channel) => channel.basicQos(count, global ? { global } : {}));
  }

  confirmSelect(): void {
    this.call('confirmSelect', (channel) => channel.confirmSelect());
  }

  recover(async: boolean | undefined): void {
    this.call('recover', (channel) => (async ? channel.basicRecoverAsync() : channel.basicRecover()));
  }

  flow(): void {
    this.call('flow', (channel) => channel.channelFlow(true));
  }

  error(how: Of<'channelError'>['how']): void {
    switch (how) {
      case 'missingQueue':
        return this.call('passive declare', (channel) => channel.queueDeclare('missing', { passive: true }));
      case 'missingExchange':
        return this.call('bind to a missing exchange', (channel) => channel.queueBind('safe0', 'missing', ''));
      case 'different':
        return this.call('declare differently', (channel) => channel.exchangeDeclare('amq.topic', 'fanout'));
      case 'publish':
        return this.publishOne(this.scene.ledger.newId(), { exchange: 'missing', key: 'a', count: 1, size: 20 });
    }
  }
}
