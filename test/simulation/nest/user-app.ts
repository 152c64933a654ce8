import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Server } from '@nestjs/microservices';
import {
  AmqpConsumerRegistry,
  AmqpModule,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  directExchange,
  fanoutExchange,
  ParkingLot,
  quorumQueue,
  RpcRemoteError,
  type QueueDefinition,
  type TopologyOptions,
} from '../../../src/index.js';
import {
  ConfigurationError,
  MessageReturnedError,
  PublishNackedError,
  PublishRefusedError,
} from '../../../lib/client/index.js';
import type { Wire } from '../engine/wire.js';
import { merge } from 'rxjs';
import { Handlers, providerOf } from './handlers.js';
import type { Sent } from './ledger.js';
import { letterOf, NO_JSON } from './messages.js';
import type { Scene } from './scene.js';
import { slowSerializer } from './slow-serializer.js';
import { Tenant, TENANT } from './tenant.js';
import { DEAD, EXCHANGE, ODD, type NestSettings, type Of, type PublishSettings } from './steps.js';

/** Time limit of steps without a deadline, ms. */
const LONG = 100_000;
/** Time for closing, ms: 10 s each for a channel, the publishes and a connection, or little if nothing is broken. */
const FAREWELLS = { broken: 30_000, calm: 2_000 } as const;

function queueOf(name: string, { quorum }: NestSettings): QueueDefinition {
  const options = { deadLetterExchange: DEAD };
  // Handlers may requeue a message more often than quorum queues allow by default.
  return quorum ? quorumQueue(name, { ...options, deliveryLimit: 1_000 }) : classicQueue(name, options);
}

function topologyOf(settings: NestSettings, mine: string): TopologyOptions {
  const names = ['work', 'hand', 'batch', 'price'];
  return {
    exchanges: [directExchange(EXCHANGE), fanoutExchange(DEAD)],
    queues: [
      ...names.map((name) => queueOf(name, settings)),
      classicQueue(mine, { exclusive: true, deadLetterExchange: DEAD }),
      classicQueue(DEAD),
    ],
    bindings: [
      ...[...names, mine].map((name) => bindQueue(name, EXCHANGE, name)),
      // The consumer binds it, too, but later, and users publish as soon as the topology is declared.
      bindQueue('work', EXCHANGE, ODD),
      bindQueue(DEAD, DEAD, ''),
    ],
  };
}

/** A transport that listens to nothing. It makes an application that can be closed before it has booted. */
export class NoTransport extends Server {
  listen(callback: () => void): void {
    callback();
  }

  close(): void {}

  on(): void {}

  unwrap<T>(): T {
    throw new Error('there is nothing behind it');
  }
}

/** One Nest application, from its start to its end. */
export class UserApp {
  readonly wires: Wire[] = [];
  readonly handlers: Handlers;
  state: 'starting' | 'running' | 'failed' | 'closing' | 'closed' = 'starting';
  context: INestApplicationContext | undefined;
  /** The number of events that the listeners should have got. */
  readonly due = { cancelled: 0, returned: 0 };
  /** The number of publishes that are not settled, and the bytes of their bodies. */
  private readonly underWay = { count: 0, bytes: 0 };
  private largest = 0;
  private tenants = 0;
  private echoes: number;

  constructor(
    private readonly scene: Scene,
    readonly name: string,
  ) {
    this.echoes = scene.settings.echoes;
    this.handlers = new Handlers(scene, name, scene.settings.concurrency || Infinity);
  }

  get isLive(): boolean {
    return this.state === 'running';
  }

  /** Connections that are open, the oldest first. */
  get liveWires(): Wire[] {
    return this.wires.filter(({ live }) => live);
  }

  start(): void {
    const { scene, name } = this;
    const { settings, promises } = scene;
    const { startup, startupTimeout, rpcTimeout } = settings;
    // `startupTimeout` limits connecting. Then the consumers make their calls, one after the other.
    const within = startupTimeout + 12 * rpcTimeout + 10_000;
    promises.watch(`boot ${name} ${startup}`, () => this.boot(), { within }, (error) => {
      if (this.state !== 'starting') return;
      this.state = error ? 'failed' : 'running';
    }); // prettier-ignore
  }

  shutDown(): void {
    const { scene, name, context } = this;
    // An application context cannot be closed while it boots.
    if (!context || (this.state !== 'running' && this.state !== 'starting')) return;
    if (this.state === 'starting') scene.oracle.count('shut down while booting');
    this.state = 'closing';
    scene.ledger.disturbed = true;
    scene.ledger.onShutDown(name);
    const { gracePeriod, calm } = scene.settings;
    const within = gracePeriod + (calm ? FAREWELLS.calm : FAREWELLS.broken);
    const began = scene.clock.now;
    scene.promises.watch(`shutDown ${name}`, () => context.close(), { within, invariant: 'shutdown' }, (error) => {
      this.state = 'closed';
      this.handlers.over = true;
      const [took, left] = [scene.clock.now - began, this.handlers.left];
      scene.oracle.check(left === 0 || took >= gracePeriod, 'shutdown', () => `${name} is shut down after ${took} ms, while ${left} handlers run, which have ${gracePeriod} ms`); // prettier-ignore
      scene.oracle.check(error === undefined, 'shutdown', () => `${name} fails to shut down: ${String(error)}`);
      scene.leavesNoTimer(this);
    }); // prettier-ignore
  }

  publish({ what }: Of<'publish'>): void {
    for (let index = 0; index < what.count; index++) this.publishOne(what);
  }

  request({ what }: Of<'request'>): void {
    for (let index = 0; index < what.count; index++) this.requestOne(what);
  }

  /** In peace: a message is confirmed, and a request answered. */
  probe(): void {
    if (!this.isLive) return;
    const due = (what: string) => (error: unknown): void =>
      this.scene.oracle.check(error === undefined, 'peace-publish', () => `${this.name}: ${what} in peace: ${String(error)}`); // prettier-ignore
    const plan = [{ do: 'ok', after: 0 }] as const;
    // One after the other, since the settings may allow one publish under way, and none that waits.
    this.publishOne({ to: 'work', count: 1, plan }, (error) => {
      due('a publish')(error);
      this.publishOne({ to: 'work', count: 1, plan, delay: 1_000 }, due('a delayed publish'));
    });
    this.requestOne({ to: 'price', count: 1, plan }, due('a request'));
  }

  pause({ queue }: Of<'pause'>): void {
    const { scene, context, handlers } = this;
    if (!context) return;
    const queues = this.queuesOf(queue);
    scene.ledger.disturbed = true;
    const arePaused = handlers.onSwitch(queues);
    scene.promises.watch(`pause ${this.name} ${queue ?? 'all'}`, () => context.get(AmqpConsumerRegistry, { strict: false }).pause(queue ? { queue: queues[0]! } : undefined), { within: LONG }, (error) => {
      if (!error) arePaused();
    }); // prettier-ignore
  }

  resume({ queue }: Pick<Of<'resume'>, 'queue'>): void {
    const { scene, context, handlers } = this;
    if (!context) return;
    const queues = this.queuesOf(queue);
    handlers.onSwitch(queues);
    scene.promises.watch(`resume ${this.name} ${queue ?? 'all'}`, () => context.get(AmqpConsumerRegistry, { strict: false }).resume(queue ? { queue: queues[0]! } : undefined), { within: LONG }); // prettier-ignore
  }

  /** A batch consumer has no limits to change. */
  adjust({ queue, limits }: Of<'adjust'>): void {
    const { scene, context, handlers } = this;
    if (!context) return;
    const [name] = this.queuesOf(queue);
    scene.ledger.disturbed = true;
    const adjusted = handlers.onAdjust(name!, limits);
    const registry = context.get(AmqpConsumerRegistry, { strict: false });
    scene.promises.watch(`adjust ${this.name} ${queue}`, () => registry.adjust({ queue: name! }, limits), { within: LONG }, (error) => {
      const refused = error instanceof ConfigurationError;
      scene.oracle.check(refused === (queue === 'batch'), 'adjusted', () => `${this.name}: other limits of '${queue}': ${String(error)}`); // prettier-ignore
      if (!error) adjusted(() => registry.list({ queue: name! })[0]);
    }); // prettier-ignore
  }

  redrive({ queue, limit }: Pick<Of<'redrive'>, 'queue' | 'limit'>): void {
    const { scene, context } = this;
    if (!context || queue === 'mine') return;
    scene.ledger.disturbed = true;
    scene.promises.watch(`redrive ${this.name} ${queue}`, () => context.get(ParkingLot, { strict: false }).redrive(queue, limit ? { limit } : {}), { within: LONG }, (_, done) => {
      if (done) scene.trace.add('user', `redriven ${done.redriven} of ${queue}`);
    }); // prettier-ignore
  }

  listParked({ queue }: Of<'listParked'>): void {
    const { scene, context } = this;
    if (!context) return;
    scene.promises.watch(`listParked ${this.name} ${queue}`, () => context.get(ParkingLot, { strict: false }).list(queue), { within: LONG }); // prettier-ignore
  }

  addTenant({ ms }: Of<'tenant'>): void {
    const queue = `${TENANT}${this.name}.${this.tenants++}`;
    new Tenant(this.scene, this, queue, ms).come();
  }

  private queuesOf(queue: string | undefined): string[] {
    const mine = `mine.${this.name}`;
    if (queue === undefined || queue === 'micro') return ['work', 'hand', 'batch', 'price', mine];
    return [queue === 'mine' ? mine : queue];
  }

  /** Publishes from within an outcome of another publish. */
  private echo(): void {
    if (this.echoes === 0 || this.scene.peace || !this.isLive) return;
    this.echoes--;
    this.scene.oracle.count('echoes');
    this.publishOne({ to: 'work', count: 1, plan: [{ do: 'ok', after: 0 }] });
  }

  private async boot(): Promise<void> {
    const { scene, name, handlers } = this;
    const { settings, site, ledger } = scene;
    const { startup, startupTimeout, gracePeriod, publishTimeout, listening } = settings;
    const { maxInFlight, maxInFlightBytes, maxWaiting, maxWaitingBytes, republishUnconfirmed, whenUnavailable } = settings; // prettier-ignore

    @Module({
      imports: [
        AmqpModule.forRoot({
          url: 'amqp://node0',
          connectionName: name,
          connection: site.connection(name, (wire) => this.wires.push(wire)),
          topology: topologyOf(settings, `mine.${name}`),
          startup,
          startupTimeout,
          gracePeriod,
          ...(settings.decoding === 0 ? {} : { serializers: [slowSerializer(scene, settings.decoding)] }),
          publishing: { timeout: publishTimeout, maxInFlight, maxInFlightBytes, maxWaiting, maxWaitingBytes, republishUnconfirmed, whenUnavailable }, // prettier-ignore
        }),
      ],
      providers: [
        providerOf(handlers, settings),
        {
          // This provider subscribes before the first message, which comes before the application has started.
          provide: 'failures',
          inject: [AmqpConsumerRegistry],
          useFactory: ({ failures$ }: AmqpConsumerRegistry) =>
            failures$.subscribe((failure) => {
              // Their handlers return: a failure is a loss of the channel, after which the message comes again.
              if (!failure.queue.startsWith(TENANT)) ledger.onFailure(name, failure);
            }),
        },
        {
          provide: 'cancels',
          inject: [ConfirmingPublisher],
          useFactory: ({ cancels$ }: ConfirmingPublisher) => cancels$.subscribe(() => this.due.cancelled++),
        },
        {
          provide: 'echoes',
          inject: [ConfirmingPublisher],
          useFactory: ({ confirms$, returns$ }: ConfirmingPublisher) =>
            merge(confirms$, returns$).subscribe(() => this.echo()),
        },
      ],
    })
    class App {}

    const logger = scene.loggerOf(name);
    const options = { logger, abortOnError: false };
    if (!listening) {
      this.context = await NestFactory.createApplicationContext(App, options);
      return;
    }
    const app = await NestFactory.createMicroservice(App, { ...options, strategy: new NoTransport() });
    this.context = app;
    await app.listen();
  }

  private send(
    what: PublishSettings,
    asked: boolean,
  ): { readonly sent: Sent; readonly exchange: string; readonly key: string } {
    const { ledger } = this.scene;
    const n = ledger.newNumber();
    const to = what.to === 'mine' ? `mine.${this.name}` : what.to;
    const exchange = what.exchange ? EXCHANGE : '';
    const odd = to === 'work' && what.exchange === true && n % 2 === 1;
    const key = what.nowhere ? 'nowhere' : odd ? ODD : to;
    const messageId = what.noId ? undefined : `m${n}`;
    const sent = ledger.add({
      n,
      to: what.to,
      queue: to,
      exchange,
      key,
      messageId,
      asked,
      bad: what.bad === true,
      told: undefined,
      ...(what.delay === undefined || asked ? {} : { delay: { ms: what.delay, from: this.scene.clock.now } }),
    });
    return { sent, exchange, key };
  }

  private optionsOf({ timeout, abortAfter, bad }: PublishSettings, { n, messageId, delay }: Sent) {
    const signal = this.scene.signalAfter(abortAfter);
    return {
      headers: { n },
      ...(messageId === undefined ? {} : { messageId }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
      ...(delay ? { delay: delay.ms } : {}),
      ...(bad ? { contentType: 'application/json' } : {}),
    };
  }

  private publishOne(what: PublishSettings, then?: (error: unknown) => void): void {
    const { scene, context } = this;
    if (!context) return;
    const { sent, exchange, key } = this.send(what, false);
    const payload = what.bad ? NO_JSON : letterOf(sent.n, what);
    const options = this.optionsOf(what, sent);
    const timeout = what.timeout ?? scene.settings.publishTimeout;
    const { underWay } = this;
    const before = { ...underWay };
    const bytes = Buffer.isBuffer(payload) ? payload.length : JSON.stringify(payload).length;
    const settled = this.begin(bytes);
    scene.promises.watch(`publish ${this.name} ${sent.n} to '${exchange}' '${key}'`, () => context.get(ConfirmingPublisher, { strict: false }).publish(exchange, key, payload, options), { within: Math.min(timeout, what.abortAfter ?? Infinity) }, (error) => {
      settled();
      if (error instanceof MessageReturnedError) this.due.returned++;
      // A delayed publish may be refused later than at its call.
      if (error instanceof PublishRefusedError && !sent.delay) this.checkRefusal(error, before.count, before.bytes + bytes);
      scene.ledger.tell(sent, toldBy(error));
      then?.(error);
    }); // prettier-ignore
    this.checkBytes(bytes);
  }

  /** Counts a publish with a body of that size. @returns the function to call when it is settled */
  begin(bytes: number): () => void {
    const { underWay } = this;
    underWay.count++;
    underWay.bytes += bytes;
    this.largest = Math.max(this.largest, bytes);
    return () => {
      underWay.count--;
      underWay.bytes -= bytes;
    };
  }

  /** Checks that the publisher says "N publishes wait already" only if this many publishes or bytes wait. */
  private checkRefusal({ message }: PublishRefusedError, count: number, bytes: number): void {
    if (!message.includes('publishes wait already')) return;
    const { maxWaiting, maxWaitingBytes } = this.scene.settings;
    this.scene.oracle.count('refused for want of room');
    this.scene.oracle.check(count >= maxWaiting || bytes > maxWaitingBytes, 'refused', () => `${this.name}: ${message}; only ${count} publishes with ${bytes} bytes are under way`); // prettier-ignore
  }

  /** Checks the bytes under way, when refusals are done. A single message is sent whatever its size. */
  private checkBytes(own: number): void {
    const { oracle, clock, settings } = this.scene;
    this.largest = Math.max(this.largest, own);
    clock.in(0, () => {
      const { bytes } = this.underWay;
      // Delayed publishes wait for their queues beside the others.
      const most = Math.max(settings.maxInFlightBytes, this.largest) + 2 * settings.maxWaitingBytes + this.largest;
      oracle.check(bytes <= most, 'bounds', () => `${this.name}: ${bytes} bytes are under way, ${most} may be`);
    });
  }

  private requestOne(what: PublishSettings, then?: (error: unknown) => void): void {
    const { scene, context } = this;
    if (!context) return;
    const { sent, exchange, key } = this.send(what, true);
    const payload = what.bad ? NO_JSON : letterOf(sent.n, what);
    const options = this.optionsOf(what, sent);
    const timeout = what.timeout ?? scene.settings.publishTimeout;
    scene.promises.watch(`request ${this.name} ${sent.n}`, () => context.get(ConfirmingPublisher, { strict: false }).request<{ n: number }>(exchange, key, payload, options), { within: Math.min(timeout, what.abortAfter ?? Infinity) }, (error, reply) => {
      if (error instanceof MessageReturnedError) this.due.returned++;
      then?.(error);
      const answered = error === undefined || error instanceof RpcRemoteError;
      if (!answered) return;
      scene.ledger.onAnswer(sent, error as RpcRemoteError | undefined, reply?.n);
    }); // prettier-ignore
  }
}

/** Returns the outcome that an error, or no error, reports to a publisher. */
export function toldBy(error: unknown): Sent['told'] {
  if (error === undefined) return 'confirmed';
  if (error instanceof MessageReturnedError) return 'returned';
  if (error instanceof PublishNackedError) return 'nacked';
  return (error as { outcome?: unknown }).outcome === 'not-sent' ? 'not-sent' : undefined;
}
