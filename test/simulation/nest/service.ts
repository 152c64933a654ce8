import { Controller, Module, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { AmqpClientProxy, AmqpRecordBuilder, AmqpServer, type AmqpRpcContext, type AmqpTransportOptions } from '../../../src/microservices/index.js'; // prettier-ignore
import type { QueueDeclareOptions } from '../../../lib/client/index.js';
import type { AmqpContext } from '../../../src/index.js';
import { Aborted } from '../core/promises.js';
import type { Wire } from '../engine/wire.js';
import { Handlers, retryOf } from './handlers.js';
import { letterOf, type Letter } from './messages.js';
import type { Scene } from './scene.js';
import { DEAD, type NestSettings, type Of, type PublishSettings } from './steps.js';
import { toldBy } from './user-app.js';

export const QUEUE = 'micro';
/** Services bind an operator's queue to this exchange, and clients publish to it. */
const EXCHANGE = 'micros';
/** Time for closing, ms: 10 s each for the replies, the channel and the connection, and 1 s for the last replies. */
const FAREWELLS = 31_000;
/** Time until requests have failed after the loss of their connection, also those that wait for a new one, ms. */
const REPLIES_LOST = 10_000;
/** Time until a client has connected or failed, ms. */
const CONNECTING = 60_000;

/** Handlers may requeue a message more often than quorum queues allow by default. */
const QUORUM = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000 } as const;

/** The arguments with which an operator declares the queue. */
export function argumentsOf({ quorum }: NestSettings): QueueDeclareOptions {
  return { arguments: { 'x-dead-letter-exchange': DEAD, ...(quorum ? QUORUM : {}) } };
}

/** The service has answered with an error. */
class Answered extends Aborted {}

function optionsOf(scene: Scene, owner: string, onWire: (wire: Wire) => void): AmqpTransportOptions {
  const { gracePeriod, prefetch, publishTimeout, quorum, timeout, taken } = scene.settings;
  const own = {
    queueOptions: { deadLetterExchange: DEAD, ...(quorum ? { arguments: QUORUM } : {}) },
    retry: retryOf(scene.settings),
  };
  return {
    urls: 'amqp://node0',
    queue: QUEUE,
    ...(taken ? { noAssert: true, exchange: EXCHANGE, exchangeType: 'fanout' } : own),
    ...(timeout === 0 ? {} : { timeout }),
    connectionName: owner,
    connection: scene.site.connection(owner, onWire),
    gracePeriod,
    prefetchCount: prefetch,
    requestTimeout: publishTimeout,
    publishTimeout,
  };
}

/** A service of the microservice transport. */
export class Service {
  readonly wires: Wire[] = [];
  state: 'starting' | 'running' | 'failed' | 'closing' | 'closed' = 'starting';
  private readonly handlers: Handlers;
  private readonly server: AmqpServer;
  /** The application, for a service with controllers. */
  private app: INestMicroservice | undefined;

  constructor(
    private readonly scene: Scene,
    readonly name: string,
  ) {
    this.handlers = new Handlers(scene, name);
    this.server = new AmqpServer(optionsOf(scene, name, (wire) => this.wires.push(wire)));
    if (scene.settings.controllers) return;
    this.server.addHandler('ask', (letter: Letter, context: AmqpRpcContext) => this.handle(letter, context), false);
    this.server.addHandler('event', (letter: Letter, context: AmqpRpcContext) => this.handle(letter, context), true);
  }

  get liveWires(): Wire[] {
    return this.wires.filter(({ live }) => live);
  }

  start(): void {
    const { scene, server } = this;
    const alone = (): Promise<void> => new Promise((resolve, reject) => void server.listen((error) => (error ? reject(error as Error) : resolve()))); // prettier-ignore
    // The service tries to connect until `close`.
    const listen = scene.settings.controllers ? () => this.listen() : alone;
    scene.promises.watch(`serve ${this.name}`, listen, { within: Infinity }, (error) => {
      if (this.state === 'starting') this.state = error ? 'failed' : 'running';
    });
  }

  close(): void {
    if (this.state !== 'running' && this.state !== 'starting') return;
    const { scene, name, server, handlers } = this;
    this.state = 'closing';
    scene.ledger.disturbed = true;
    const within = scene.settings.gracePeriod + FAREWELLS;
    scene.promises.watch(
      `closeServer ${name}`,
      async () => (this.app ?? server).close(),
      { within, invariant: 'shutdown' },
      (error) => {
        this.state = 'closed';
        handlers.over = true;
        scene.oracle.check(error === undefined, 'shutdown', () => `${name} fails to close: ${String(error)}`);
        scene.leavesNoTimer(this);
      },
    );
  }

  private async listen(): Promise<void> {
    @Module({ controllers: [controllerOf((letter, context) => this.handle(letter, context))] })
    class App {}

    const { server, scene, name } = this;
    const options = { strategy: server, logger: scene.loggerOf(name), abortOnError: false };
    this.app = await NestFactory.createMicroservice(App, options);
    await this.app.listen();
  }

  private async handle(letter: Letter, context: AmqpRpcContext): Promise<unknown> {
    const { attempt, properties } = context;
    const { exchange, routingKey } = context.getMessage().fields;
    // The handlers expect the members of a consumer's context.
    const seen = {
      attempt,
      properties,
      exchange,
      routingKey,
      lastFailure: 'unseen',
      signal: context.signal,
    } as unknown as AmqpContext;
    return this.handlers.handle(QUEUE, letter, seen);
  }
}

/** Returns a controller. It throws RpcException, since Nest replaces other errors by "Internal server error". */
function controllerOf(handle: (letter: Letter, context: AmqpRpcContext) => Promise<unknown>): Type {
  const handled = async (letter: Letter, context: AmqpRpcContext): Promise<unknown> => {
    try {
      return await handle(letter, context);
    } catch (error) {
      throw letter.n % 2 === 0 && (error as Error).name === 'Error' ? error : new RpcException(error as Error);
    }
  };

  @Controller()
  class Micro {
    @MessagePattern('ask')
    ask(@Payload() letter: Letter, @Ctx() context: AmqpRpcContext): Promise<unknown> {
      return handled(letter, context);
    }

    @EventPattern('event')
    onEvent(@Payload() letter: Letter, @Ctx() context: unknown): Promise<unknown> {
      return handled(letter, context as AmqpRpcContext);
    }
  }
  return Micro;
}

/** A client of the microservice transport. */
export class ServiceClient {
  readonly wires: Wire[] = [];
  closed = false;
  private readonly client: AmqpClientProxy;
  /** The client was connected once. Requests before that wait for the first connection, and are not sent. */
  private wasConnected = false;
  /** Numbers of the requests without an answer. */
  private readonly unanswered = new Set<number>();

  constructor(
    private readonly scene: Scene,
    readonly name: string,
  ) {
    this.client = new AmqpClientProxy(optionsOf(scene, name, (wire) => this.onWire(wire)));
    this.client.status.subscribe((status) => (this.wasConnected ||= status === 'connected'));
  }

  get liveWires(): Wire[] {
    return this.wires.filter(({ live }) => live);
  }

  emit({ what }: Of<'emit'>): void {
    const { scene, client } = this;
    for (let index = 0; index < what.count; index++) {
      const { sent, record } = this.write(what, false);
      const within = CONNECTING + (what.timeout ?? scene.settings.publishTimeout);
      scene.promises.watch(`emit ${this.name} ${sent.n}`, () => firstValueFrom(client.emit('event', record), { defaultValue: undefined }), { within }, (error) => scene.ledger.tell(sent, toldBy(error))); // prettier-ignore
    }
  }

  /** In peace: an event reaches a service. */
  probe(): void {
    const { scene, client, name } = this;
    const { sent, record } = this.write({ to: 'micro', count: 1, plan: [{ do: 'ok', after: 0 }] }, false);
    const within = CONNECTING + scene.settings.publishTimeout;
    scene.promises.watch(`probe ${name} ${sent.n}`, () => firstValueFrom(client.emit('event', record), { defaultValue: undefined }), { within }, (error) => {
      scene.ledger.tell(sent, toldBy(error));
      scene.oracle.check(error === undefined, 'peace-publish', () => `${name} emits event ${sent.n} after all that time: ${String(error)}`); // prettier-ignore
    }); // prettier-ignore
  }

  send({ what, leaveAfter }: Of<'send'>): void {
    const { scene } = this;
    for (let index = 0; index < what.count; index++) {
      const { sent, record } = this.write(what, true);
      this.unanswered.add(sent.n);
      const within = CONNECTING + (what.timeout ?? scene.settings.publishTimeout);
      scene.promises.watch(`send ${this.name} ${sent.n}`, () => this.ask(record, leaveAfter), { within }, (error, reply) => {
        this.unanswered.delete(sent.n);
        if (!error || error instanceof Answered) scene.ledger.onAnswer(sent, error as Answered | undefined, reply?.n);
      }); // prettier-ignore
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { scene, name, client } = this;
    scene.promises.watch(`closeClient ${name}`, () => client.close(), { within: 21_000 }, () => scene.leavesNoTimer(this)); // prettier-ignore
  }

  /** Checks that all requests fail with their connection, since their replies are lost. */
  private onWire(wire: Wire): void {
    this.wires.push(wire);
    const { oracle, clock, ledger } = this.scene;
    wire.client.once('close', () => {
      if (!this.wasConnected) return;
      const [lost, lostAt] = [[...this.unanswered], clock.now];
      clock.in(REPLIES_LOST, () => {
        // A request that waited for the first session may have been sent on the next connection.
        const waits = lost.filter((n) => this.unanswered.has(n) && !ledger.arrivedAfter(n, lostAt));
        oracle.check(waits.length === 0, 'settles', () => `${this.name}: requests ${waits.join()} wait for replies to a connection that is gone`); // prettier-ignore
      });
    });
  }

  private ask(record: unknown, leaveAfter: number | undefined): Promise<{ n: number }> {
    return new Promise((resolve, reject) => {
      const subscription = this.client.send<{ n: number }>('ask', record).subscribe({
        next: resolve,
        error: (error: unknown) => reject(error instanceof Error ? error : new Answered(JSON.stringify(error))),
        complete: () => reject(new Aborted('completed without a reply')),
      });
      if (leaveAfter === undefined) return;
      this.scene.clock.in(leaveAfter, () => {
        subscription.unsubscribe();
        reject(new Aborted('left'));
      });
    });
  }

  private write(what: PublishSettings, asked: boolean) {
    const { ledger } = this.scene;
    const n = ledger.newNumber();
    const messageId = what.noId ? undefined : `m${n}`;
    const delay = asked ? undefined : what.delay;
    const [exchange, key] = this.scene.settings.taken ? [EXCHANGE, asked ? 'ask' : 'event'] : ['', QUEUE];
    const sent = ledger.add({ n, to: 'micro', queue: QUEUE, exchange, key, messageId, asked, bad: false, told: undefined, ...(delay === undefined ? {} : { delay: { ms: delay, from: this.scene.clock.now } }) }); // prettier-ignore
    const record = new AmqpRecordBuilder(letterOf(n, what))
      .setOptions({
        headers: { n },
        ...(messageId === undefined ? {} : { messageId }),
        ...(what.timeout === undefined ? {} : { timeout: what.timeout }),
        ...(delay === undefined ? {} : { delay }),
      })
      .build();
    return { sent, record };
  }
}
