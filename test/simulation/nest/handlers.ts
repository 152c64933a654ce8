import { BadRequestException, Injectable, type PipeTransform, type Type } from '@nestjs/common';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpRpc,
  Ctx,
  OnConsumerCancelled,
  OnReturn,
  Payload,
  exponential,
  fixed,
  HandlerTimeoutError,
  RejectMessage,
  RequeueMessage,
  RetryMessage,
  type AmqpBatchItem,
  type AmqpContext,
  type ConsumerLimits,
  type ConsumerStatus,
  type RetryOptions,
  type ReturnedMessage,
} from '../../../src/index.js';
import { isDue } from '../../../src/delay/without-delay.js';
import type { Run } from './ledger.js';
import { actOf, isRefused, type Letter } from './messages.js';
import type { Scene } from './scene.js';
import { BACKOFF, EXCHANGE, ODD, type Act, type NestSettings } from './steps.js';
import type { Outcome } from './table.js';

/** The result of an attempt. */
interface Done {
  readonly act: Act;
  readonly outcome: Outcome;
  /** The error of a handler whose time was over before. */
  readonly late?: HandlerTimeoutError;
}

export function retryOf({ attempts, backoff, then }: NestSettings): RetryOptions {
  const { initial, max } = BACKOFF;
  return { attempts, backoff: backoff === 'fixed' ? fixed(BACKOFF.fixed) : exponential(initial, max), then };
}

/** Log texts about a lost connection, behind the connection's name. */
const LOSS = /^(?:connection to|reconnecting failed)/;

/** Returns the error that an act throws; undefined for an act that returns. */
function errorOf(act: Act, outcome: Outcome, n: number, attempt: number): Error | undefined {
  switch (outcome) {
    case 'throw':
    case 'throwAll':
    case 'settleAndThrow':
      return hostile(new Error(`planned ${n}, attempt ${attempt}`), n);
    case 'reject':
      return new RejectMessage(`planned ${n}`);
    case 'requeue':
      return new RequeueMessage(`planned ${n}`);
    case 'retry':
      return new RetryMessage(act.delay, `planned ${n}`);
    default:
      return undefined;
  }
}

/** Gives every third error methods that throw, as a careless class may have. The error's name and message stay. */
function hostile(error: Error, n: number): Error {
  if (n % 3 !== 0) return error;
  const refuse = (): never => {
    throw new Error('not to be called');
  };
  return Object.assign(error, { getResponse: refuse, getError: refuse, toJSON: refuse });
}

/** Resolves when the time of the handler is over. */
function timedOut(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (signal.reason instanceof HandlerTimeoutError) resolve();
    };
    signal.addEventListener('abort', look, { once: true });
    look();
  });
}

/** Carries out the acts of letters in one application, and reports them to the ledger. */
export class Handlers {
  /** The application has been shut down. No handler may begin any more. */
  over = false;
  /** The time since which each queue is paused. */
  private readonly paused = new Map<string, number>();
  /** The number of calls of the application's listeners. */
  readonly heard = { cancelled: 0, returned: 0 };
  /** The time of arrival of each letter of a batch. */
  private readonly arrivals = new WeakMap<Letter, number>();
  /** The time at which the last handler of each queue, or its time, ended. */
  private readonly freed = new Map<string, number>();
  /** The time at which the consuming connection was lost. */
  private lostAt = -1;
  /** The runs that the pipes of the batch refused at that time. */
  private refusedOfBatch: Run[] = [];
  /** The number of pauses and resumes of each queue. */
  private readonly switches = new Map<string, number>();
  private readonly times = new Map<string, number>();
  /** The number of handlers of each queue that run. */
  private readonly running = new Map<string, number>();
  /** The limits that each queue was given last, the concurrency that may still hold, and the number of its adjustments. */
  private readonly adjusted = new Map<string, { asked: ConsumerLimits; concurrency: number; turn: number }>();

  constructor(
    private readonly scene: Scene,
    readonly app: string,
    /** The number of handlers of a queue that may run at once, before it is adjusted. */
    private readonly concurrency = Infinity,
  ) {
    scene.hearers.push((line) => this.onLine(line));
  }

  /** Notes that these queues are paused or resumed. @returns a function to call once they are paused, unless resumed meanwhile */
  onSwitch(queues: readonly string[]): () => void {
    const turns = queues.map((queue) => {
      const turn = (this.switches.get(queue) ?? 0) + 1;
      this.switches.set(queue, turn);
      this.paused.delete(queue);
      return { queue, turn };
    });
    return () => {
      for (const { queue, turn } of turns)
        if (this.switches.get(queue) === turn) this.paused.set(queue, this.scene.clock.now);
    };
  }

  /** The number of handlers that run and whose time is not over. */
  get left(): number {
    return [...this.running.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Notes that this queue gets other limits. @returns a function to call once it has them */
  onAdjust(queue: string, limits: ConsumerLimits): (status: () => ConsumerStatus | undefined) => void {
    const before = this.adjusted.get(queue);
    const turn = (before?.turn ?? 0) + 1;
    const asked = { ...before?.asked, ...limits };
    const due = asked.concurrency ?? this.concurrency;
    // Until it has the new limits, the larger ones count.
    this.adjusted.set(queue, { asked, turn, concurrency: Math.max(this.limitOf(queue), due) });
    return (status) => {
      if (this.adjusted.get(queue)!.turn !== turn) return;
      const { oracle, clock, settings } = this.scene;
      // Handlers whose message is being decoded begin later.
      clock.in(settings.decoding, () => {
        if (this.adjusted.get(queue)!.turn === turn) this.adjusted.set(queue, { asked, turn, concurrency: due });
      });
      const now = status();
      for (const name of ['prefetch', 'concurrency'] as const)
        oracle.check(now === undefined || asked[name] === undefined || now[name] === asked[name], 'adjusted', () => `${this.app}: '${queue}' has ${name} ${now![name]} after it was set to ${asked[name]}`); // prettier-ignore
    };
  }

  private limitOf(queue: string): number {
    return this.adjusted.get(queue)?.concurrency ?? this.concurrency;
  }

  /** Called with each line of the log. */
  private onLine(line: string): void {
    const name = `${this.app} (consuming): `;
    if (!line.startsWith(name) || !LOSS.test(line.slice(name.length))) return;
    this.lostAt = this.scene.clock.now;
    for (const run of this.refusedOfBatch) if (run.ended === this.lostAt) run.lostInPipes = true;
  }

  /** Returns a pipe that refuses letters, as `ValidationPipe` does. */
  refusing(queue: string): PipeTransform {
    return {
      transform: (letter: Letter) => {
        if (!this.scene.healed && isRefused(letter)) {
          // The pipe does not know the attempt, so it refuses letters at the first attempt.
          const { ledger } = this.scene;
          const sent = ledger.get(letter.n);
          const seen = { attempt: 1, exchange: sent?.exchange ?? '', routingKey: sent?.key ?? '', messageId: sent?.messageId, lastFailure: undefined }; // prettier-ignore
          const run = ledger.begin(this.app, queue, letter.n, seen);
          ledger.end(run, 'refuse');
          if (queue === 'batch')
            this.refusedOfBatch = [...this.refusedOfBatch.filter(({ ended }) => ended === run.ended), run];
          // The pipes of a batch may also run just after the loss.
          if (queue === 'batch' && run.ended === this.lostAt) run.lostInPipes = true;
          throw new BadRequestException(`refused ${letter.n}`);
        }
        this.arrivals.set(letter, this.scene.clock.now);
        return letter;
      },
    };
  }

  begin(queue: string, letter: Letter, context: AmqpContext, ofBatch = false): Run {
    const { oracle } = this.scene;
    oracle.check(!this.over, 'ended', () => `${this.app} is shut down, and a handler of '${queue}' gets ${letter.n}`);
    // A message that is being decoded is being handled.
    const { decoding } = this.scene.settings;
    const pausedAt = this.paused.get(queue);
    const before = pausedAt === undefined || (decoding > 0 && this.scene.clock.now - pausedAt <= decoding);
    oracle.check(ofBatch || before, 'paused', () => `${this.app}: '${queue}' is paused, and its handler gets ${letter.n}`); // prettier-ignore
    const { attempt, exchange, routingKey, properties, lastFailure } = context;
    return this.scene.ledger.begin(this.app, queue, letter.n, { attempt, exchange, routingKey, messageId: properties.messageId, lastFailure }); // prettier-ignore
  }

  /** Carries out the act of an attempt after its delay. */
  async act(queue: string, letter: Letter, attempt: number, signal: AbortSignal): Promise<Done> {
    const { scene } = this;
    const { timeout } = scene.settings;
    const act: Act = scene.healed ? { do: 'ok', after: 0 } : actOf(letter.plan, attempt);
    const began = scene.clock.now;
    const late = timedOut(signal);
    if (act.after > 0) await Promise.race([late, scene.sleep(act.after)]);
    if (act.do === 'hang') await Promise.race([late, scene.untilLetGo()]);
    const { reason } = signal as { readonly reason: unknown };
    if (reason instanceof HandlerTimeoutError) return { act, outcome: 'throw', late: reason };
    const took = scene.clock.now - began;
    scene.oracle.check(timeout === 0 || signal.aborted || took <= timeout, 'timeout', () => `${this.app}: the handler of '${queue}' has run for ${took} ms with ${letter.n}, and may for ${timeout} ms`); // prettier-ignore
    const again = act.do === 'requeue' || act.do === 'nack';
    if (again && !this.onceMore(`${queue} ${letter.n} ${attempt}`, act.times ?? 1)) return { act, outcome: 'ok' };
    return { act, outcome: act.do === 'hang' ? 'ok' : act.do };
  }

  /** Notes that a handler was selected by this routing key. */
  selected(key: string, { n }: Letter): void {
    this.scene.oracle.count(`handler: ${key}`);
    this.scene.ledger.checkHandler(n, key);
  }

  /** Handles a single message. @throws the planned error */
  async handle(queue: string, letter: Letter, context: AmqpContext): Promise<{ readonly n: number }> {
    const run = this.begin(queue, letter, context);
    const free = this.take(queue, letter.n, this.limitOf(queue));
    const { act, outcome, late } = await this.act(queue, letter, run.attempt, context.signal);
    free();
    const manual = queue === 'hand';
    if (manual && (outcome === 'ok' || outcome === 'settleAndThrow')) context.ack();
    if (outcome === 'nack') context.nack();
    if (outcome === 'rejectByHand') context.reject();
    const error = late ?? errorOf(act, outcome, letter.n, run.attempt);
    this.scene.ledger.end(run, outcome, error && `${error.name}: ${error.message}`);
    if (error) throw error;
    return { n: letter.n };
  }

  async handleBatch(queue: string, items: readonly AmqpBatchItem<Letter>[]): Promise<void> {
    const { oracle, clock } = this.scene;
    const stale = items.filter(({ payload }) => this.arrivals.get(payload)! < this.lostAt).map(({ payload }) => payload.n); // prettier-ignore
    oracle.check(stale.length === 0 || clock.now === this.lostAt, 'ended', () => `${this.app}: a batch of '${queue}' has ${stale.join()}, which came before the connection was lost at ${this.lostAt} ms`); // prettier-ignore
    this.checkBatch(queue, items);
    const taken = items.map((item) => ({ item, run: this.begin(queue, item.payload, item.context, true) }));
    const free = this.take(queue, items[0]!.payload.n, this.scene.settings.batch.concurrency);
    const acts = await Promise.all(
      taken.map(({ item, run }) => this.act(queue, item.payload, run.attempt, item.context.signal)),
    );
    free();
    const late = acts.find((done) => done.late)?.late;
    if (late) {
      for (const { run } of taken) this.scene.ledger.end(run, 'throw', `${late.name}: ${late.message}`);
      throw late;
    }
    const all = acts.some(({ outcome }) => outcome === 'throwAll');
    const common = new Error('planned for all');
    for (const [at, { item, run }] of taken.entries()) {
      const { act, outcome } = acts[at]!;
      const { n } = item.payload;
      const byItself = outcome !== 'throwAll' && (!all || n % 2 === 1);
      if (!byItself) {
        this.scene.ledger.end(run, 'throwAll', `Error: ${common.message}`);
        continue;
      }
      const error = errorOf(act, outcome, n, run.attempt);
      this.scene.ledger.end(run, outcome, error && `${error.name}: ${error.message}`);
      if (error) item.fail(error);
      else if (all || n % 2 === 1) item.ack();
    }
    if (all) throw common;
  }

  /** A batch is not larger than it may be, and waits longer than it may only while others run. */
  private checkBatch(queue: string, items: readonly AmqpBatchItem<Letter>[]): void {
    const { oracle, clock, settings } = this.scene;
    const { size, maxWait } = settings.batch;
    oracle.check(items.length > 0 && items.length <= size, 'batch', () => `${this.app}: a batch of '${queue}' has ${items.length} messages, and may have ${size}`); // prettier-ignore
    const waited = clock.now - Math.min(...items.map(({ payload }) => this.arrivals.get(payload)!));
    oracle.check(waited <= maxWait || clock.now - (this.freed.get(queue) ?? 0) < 1, 'batch', () => `${this.app}: a batch of '${queue}' has waited ${waited} ms, and may wait ${maxWait} ms`); // prettier-ignore
    oracle.count(items.length === size ? 'full batches' : 'batches that are not full');
  }

  /** Counts a handler that runs. @returns a function to call at its end; a handler whose time is over counts no more */
  private take(queue: string, n: number, limit: number): () => void {
    const { scene, running } = this;
    const others = running.get(queue) ?? 0;
    scene.oracle.check(others < limit, 'concurrency', () => `${this.app}: ${others} handlers of '${queue}' run, ${limit} may, and another gets ${n}`); // prettier-ignore
    running.set(queue, others + 1);
    let over = false;
    const free = (): void => {
      if (over) return;
      over = true;
      running.set(queue, running.get(queue)! - 1);
      this.freed.set(queue, scene.clock.now);
    };
    // The time of the handler began with its pipes, and ends before another handler begins at the same instant.
    if (scene.settings.timeout > 0) scene.clock.in(scene.settings.timeout - 0.001, free);
    return free;
  }

  /** Returns whether to requeue once more. Not in peace: each requeue takes a second, which blocks a prefetch of 1. */
  private onceMore(key: string, times: number): boolean {
    if (this.scene.peace) return false;
    const so = (this.times.get(key) ?? 0) + 1;
    this.times.set(key, so);
    return so <= times;
  }
}

/** Returns a provider with a consumer of each kind. */
export function providerOf(handlers: Handlers, settings: NestSettings): Type {
  const { prefetch, concurrency, batch } = settings;
  const retry = retryOf(settings);
  const timeout = settings.timeout === 0 ? {} : { timeout: settings.timeout };
  const options = { retry, prefetch, ...timeout, ...(concurrency === 0 ? {} : { concurrency }) };
  const mine = `mine.${handlers.app}`;

  @Injectable()
  class Consumers {
    @AmqpConsumer('work', { ...options, routingKey: 'work' })
    work(@Payload(handlers.refusing('work')) letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      handlers.selected('work', letter);
      return handlers.handle('work', letter, context);
    }

    @AmqpConsumer('work', { routingKey: ODD, bind: EXCHANGE })
    odd(@Payload(handlers.refusing('work')) letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      handlers.selected(ODD, letter);
      return handlers.handle('work', letter, context);
    }

    @AmqpConsumer('hand', { ...options, ack: 'manual' })
    hand(@Payload(handlers.refusing('hand')) letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      return handlers.handle('hand', letter, context);
    }

    @AmqpBatchConsumer('batch', { ...batch, ...timeout, retry, itemPipes: [handlers.refusing('batch')] })
    batch(@Payload() items: AmqpBatchItem<Letter>[]): Promise<void> {
      return handlers.handleBatch('batch', items);
    }

    @AmqpRpc('price', options)
    price(@Payload(handlers.refusing('price')) letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      return handlers.handle('price', letter, context);
    }

    @AmqpConsumer(mine, options)
    mine(@Payload(handlers.refusing(mine)) letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      return handlers.handle(mine, letter, context);
    }

    @OnConsumerCancelled()
    onCancelled(): void {
      handlers.heard.cancelled++;
      throw new Error('a listener that throws');
    }

    @OnReturn()
    async onReturned({ exchange, properties }: ReturnedMessage): Promise<void> {
      // No publish rejects because of a delayed message that no queue takes.
      if (!isDue(exchange, properties)) handlers.heard.returned++;
      await Promise.reject(new Error('a listener that rejects'));
    }
  }
  return Consumers;
}
