import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
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
import { MessageReturnedError, PublishNackedError } from '../../../lib/client/index.js';
import type { Wire } from '../engine/wire.js';
import { Handlers, providerOf } from './handlers.js';
import type { Sent } from './ledger.js';
import { letterOf, NO_JSON } from './messages.js';
import type { Scene } from './scene.js';
import { DEAD, type NestSettings, type Of, type PublishSettings } from './steps.js';

/** What a step that has no deadline of its own may take, ms. */
const LONG = 100_000;
/** Closing a channel, what is published, and a connection, each in its 10 s. */
const FAREWELLS = 30_000;

/** The exchange that queues are bound to by their names. */
const EXCHANGE = 'letters';

function queueOf(name: string, { quorum }: NestSettings): QueueDefinition {
  const options = { deadLetterExchange: DEAD };
  // Handlers may give a message back more often than quorum queues let them by default.
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
    bindings: [...names, mine].map((name) => bindQueue(name, EXCHANGE, name)).concat(bindQueue(DEAD, DEAD, '')),
  };
}

/** One Nest application, from its start to its end. */
export class UserApp {
  readonly wires: Wire[] = [];
  readonly handlers: Handlers;
  state: 'starting' | 'running' | 'failed' | 'closing' | 'closed' = 'starting';
  context: INestApplicationContext | undefined;

  constructor(
    private readonly scene: Scene,
    readonly name: string,
  ) {
    this.handlers = new Handlers(scene, name);
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
    // Connecting is limited by `startupTimeout`; the consumers then have their own calls, one after the other.
    const within = startupTimeout + 12 * rpcTimeout + 10_000;
    promises.watch(`boot ${name} ${startup}`, () => this.boot(), { within }, (error, context) => {
      this.context = context;
      this.state = error ? 'failed' : 'running';
    }); // prettier-ignore
  }

  shutDown(): void {
    if (this.state !== 'running') return;
    const { scene, name, context } = this;
    this.state = 'closing';
    scene.ledger.disturbed = true;
    scene.ledger.onShutDown(name);
    const within = scene.settings.gracePeriod + FAREWELLS;
    scene.promises.watch(`shutDown ${name}`, () => context!.close(), { within, invariant: 'shutdown' }, (error) => {
      this.state = 'closed';
      this.handlers.over = true;
      scene.oracle.check(error === undefined, 'shutdown', () => `${name} fails to shut down: ${String(error)}`);
    }); // prettier-ignore
  }

  publish({ what }: Of<'publish'>): void {
    for (let index = 0; index < what.count; index++) this.publishOne(what);
  }

  request({ what }: Of<'request'>): void {
    for (let index = 0; index < what.count; index++) this.requestOne(what);
  }

  pause({ queue }: Of<'pause'>): void {
    const { scene, context, handlers } = this;
    if (!context) return;
    const queues = this.queuesOf(queue);
    scene.ledger.disturbed = true;
    const arePaused = handlers.onSwitch(queues);
    scene.promises.watch(`pause ${this.name} ${queue ?? 'all'}`, () => context.get(AmqpConsumerRegistry, { strict: false }).pause(queue ? { queue: queues[0]! } : {}), { within: LONG }, (error) => {
      if (!error) arePaused();
    }); // prettier-ignore
  }

  resume({ queue }: Pick<Of<'resume'>, 'queue'>): void {
    const { scene, context, handlers } = this;
    if (!context) return;
    const queues = this.queuesOf(queue);
    handlers.onSwitch(queues);
    scene.promises.watch(`resume ${this.name} ${queue ?? 'all'}`, () => context.get(AmqpConsumerRegistry, { strict: false }).resume(queue ? { queue: queues[0]! } : {}), { within: LONG }); // prettier-ignore
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

  private queuesOf(queue: string | undefined): string[] {
    const mine = `mine.${this.name}`;
    if (queue === undefined || queue === 'micro') return ['work', 'hand', 'batch', 'price', mine];
    return [queue === 'mine' ? mine : queue];
  }

  private async boot(): Promise<INestApplicationContext> {
    const { scene, name, handlers } = this;
    const { settings, site, ledger } = scene;
    const { startup, startupTimeout, gracePeriod, publishTimeout, maxInFlight, maxWaiting, republishUnconfirmed, whenUnavailable } = settings; // prettier-ignore

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
          publishing: { timeout: publishTimeout, maxInFlight, maxWaiting, republishUnconfirmed, whenUnavailable },
        }),
      ],
      providers: [
        providerOf(handlers, settings),
        {
          // From the first message on, which comes before the application has started.
          provide: 'failures',
          inject: [AmqpConsumerRegistry],
          useFactory: ({ failures$ }: AmqpConsumerRegistry) => failures$.subscribe((failure) => ledger.onFailure(name, failure)), // prettier-ignore
        },
      ],
    })
    class App {}

    const log = (level: string) => (line: unknown): void => scene.trace.add('log', `${name} ${level} ${String(line)}`); // prettier-ignore
    const logger = { log: log('log'), warn: log('warn'), error: log('error'), debug: log('debug') };
    return NestFactory.createApplicationContext(App, { logger, abortOnError: false });
  }

  private send(
    what: PublishSettings,
    asked: boolean,
  ): { readonly sent: Sent; readonly exchange: string; readonly key: string } {
    const { ledger } = this.scene;
    const n = ledger.newNumber();
    const to = what.to === 'mine' ? `mine.${this.name}` : what.to;
    const exchange = what.exchange ? EXCHANGE : '';
    const key = what.nowhere ? 'nowhere' : to;
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
    });
    return { sent, exchange, key };
  }

  private optionsOf({ timeout, abortAfter, bad }: PublishSettings, { n, messageId }: Sent) {
    const signal = this.scene.signalAfter(abortAfter);
    return {
      headers: { n },
      ...(messageId === undefined ? {} : { messageId }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
      ...(bad ? { contentType: 'application/json' } : {}),
    };
  }

  private publishOne(what: PublishSettings): void {
    const { scene, context } = this;
    if (!context) return;
    const { sent, exchange, key } = this.send(what, false);
    const payload = what.bad ? NO_JSON : letterOf(sent.n, what);
    const options = this.optionsOf(what, sent);
    const timeout = what.timeout ?? scene.settings.publishTimeout;
    scene.promises.watch(`publish ${this.name} ${sent.n} to '${exchange}' '${key}'`, () => context.get(ConfirmingPublisher, { strict: false }).publish(exchange, key, payload, options), { within: Math.min(timeout, what.abortAfter ?? Infinity) }, (error) => scene.ledger.tell(sent, toldBy(error))); // prettier-ignore
  }

  private requestOne(what: PublishSettings): void {
    const { scene, context } = this;
    if (!context) return;
    const { sent, exchange, key } = this.send(what, true);
    const payload = what.bad ? NO_JSON : letterOf(sent.n, what);
    const options = this.optionsOf(what, sent);
    const timeout = what.timeout ?? scene.settings.publishTimeout;
    scene.promises.watch(`request ${this.name} ${sent.n}`, () => context.get(ConfirmingPublisher, { strict: false }).request<{ n: number }>(exchange, key, payload, options), { within: Math.min(timeout, what.abortAfter ?? Infinity) }, (error, reply) => {
      const answered = error === undefined || error instanceof RpcRemoteError;
      if (!answered) return;
      scene.ledger.onAnswer(sent, error as RpcRemoteError | undefined, reply?.n);
    }); // prettier-ignore
  }
}

/** What a publisher was told by an error, or none. */
export function toldBy(error: unknown): Sent['told'] {
  if (error === undefined) return 'confirmed';
  if (error instanceof MessageReturnedError) return 'returned';
  if (error instanceof PublishNackedError) return 'nacked';
  return (error as { outcome?: unknown }).outcome === 'not-sent' ? 'not-sent' : undefined;
}
