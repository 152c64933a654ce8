import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BadRequestException,
  ForbiddenException,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplicationContext,
  type PipeTransform,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  AmqpRpc,
  bindQueue,
  Ctx,
  fanoutExchange,
  fixed,
  Payload,
  quorumQueue,
  RejectMessage,
  RequeueMessage,
  RetryMessage,
  type AmqpBatchItem,
  type AmqpContext,
  type QueueDefinition,
  type RetryOptions,
} from '../../../src/index.js';
import { MAX_MESSAGE_SIZE, QUEUES, type Letter, type QueueName } from './kinds.js';
import type { MixedLedger } from './ledger.js';

/** The queue of the rejected messages. */
export const DEAD = 'dead';
/** Delay (ms) of retries. */
export const DELAY = 300;
/** Milliseconds that handlers of `slow` may run. */
const TIMEOUT = 100;
/** Milliseconds that handlers of `late` take. */
const LATE = 300;
/** Deliveries that the queue `limited` allows. */
const LIMIT = 3;
/** Milliseconds that a publish may take: a node that is killed on a busy machine is slow to start again. */
export const PATIENCE = 600_000;

/** The result of a handler that returns its message unhandled. */
const GIVEN_BACK = Symbol('given back');

const BATCH = { size: 5, maxWait: 50 } as const;

function queueOf(name: QueueName): QueueDefinition {
  return quorumQueue(name, {
    deadLetterExchange: DEAD,
    // Makes dead-lettered messages survive the death of the broker too.
    deadLetterStrategy: 'at-least-once',
    overflow: 'reject-publish',
    deliveryLimit: name === 'limited' ? LIMIT : 1_000_000,
  });
}

/** Starts the application: one consumer per queue, with this prefetch. */
export async function startApplication(
  url: string,
  prefetch: number,
  ledger: MixedLedger,
): Promise<INestApplicationContext> {
  @Module({
    imports: [
      AmqpModule.forRoot({
        url,
        connection: {
          reconnect: { initialDelay: 20, maxDelay: 500 },
          heartbeat: 10,
          maxMessageSize: MAX_MESSAGE_SIZE,
        },
        topology: {
          exchanges: [fanoutExchange(DEAD)],
          queues: [...QUEUES.map(queueOf), quorumQueue(DEAD)],
          bindings: [bindQueue(DEAD, DEAD, '')],
        },
        publishing: { timeout: PATIENCE },
      }),
    ],
    providers: [consumersOf(ledger, prefetch)],
  })
  class App {}

  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe((failure) => ledger.onFailure(failure));
  return app;
}

/** Refuses messages by a header, before their body is decoded. */
@Injectable()
class KindGuard implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    const { headers } = execution.switchToRpc().getContext<AmqpContext>();
    if (headers['kind'] === 'a guard refuses') throw new ForbiddenException();
    return true;
  }
}

const refusing: PipeTransform = {
  transform: (letter: Letter) => {
    if (/refuse/.test(letter.kind)) throw new BadRequestException(['it must be of another kind']);
    return letter;
  },
};

/** Resolves when the handler's time is over, or its channel is lost. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function consumersOf(ledger: MixedLedger, prefetch: number) {
  const retried = (
    attempts: number,
    then: RetryOptions['then'] = 'park',
  ): { retry: RetryOptions; prefetch: number } => ({
    retry: { attempts, backoff: fixed(DELAY), then },
    prefetch,
  });

  /** Runs a handler and reports it to the ledger. */
  async function told<T>(letter: Letter, context: AmqpContext, handle: () => T | Promise<T>): Promise<T> {
    const { attempt, delivery, signal } = context;
    const running = { n: letter.n, attempt, delivery, signal };
    ledger.begin(running);
    let well = false;
    try {
      // Lets other messages arrive in between.
      await new Promise((resolve) => setImmediate(resolve));
      const result = await handle();
      well = result !== GIVEN_BACK;
      return result;
    } finally {
      ledger.end(running, well);
    }
  }

  @Injectable()
  class Consumers {
    @AmqpConsumer('work', retried(3))
    @UseGuards(KindGuard)
    work(@Payload(refusing) letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, () => {
        const first = context.attempt === 1;
        if (letter.kind === 'throws always' || (first && letter.kind === 'throws once')) throw new Error('planned');
        if (first && letter.kind === 'asks for a retry') throw new RetryMessage(DELAY, 'planned');
        if (letter.kind === 'is rejected') throw new RejectMessage('planned');
        if (letter.kind === 'is requeued once' && !context.delivery.redelivered) throw new RequeueMessage('planned');
      });
    }

    /** Messages whose handler continues after its channel is lost, unless its signal aborts. */
    @AmqpConsumer('late', retried(3))
    late(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, () => Promise.race([delay(LATE), aborted(context.signal)]));
    }

    @AmqpConsumer('slow', { ...retried(2), timeout: TIMEOUT })
    slow(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, async () => {
        if (letter.kind === 'times out' || context.attempt === 1) await aborted(context.signal);
      });
    }

    @AmqpConsumer('spent', retried(2, 'dead-letter'))
    spent(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, () => {
        throw new Error('planned');
      });
    }

    @AmqpConsumer('gone', retried(2, 'discard'))
    gone(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, () => {
        throw new Error('planned');
      });
    }

    @AmqpConsumer('limited', retried(3))
    limited(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<void> {
      return told(letter, context, () => {
        throw new RequeueMessage('planned');
      });
    }

    @AmqpConsumer('hand', { ...retried(3), ack: 'manual' })
    hand(@Payload() letter: Letter, @Ctx() context: AmqpContext): Promise<unknown> {
      return told(letter, context, () => {
        if (letter.kind === 'rejected by hand') return context.reject();
        if (letter.kind !== 'nacked once by hand' || context.delivery.redelivered) return context.ack();
        context.nack();
        return GIVEN_BACK;
      });
    }

    @AmqpBatchConsumer('batch', {
      ...BATCH,
      ...retried(50),
      prefetch: Math.max(BATCH.size, prefetch),
      itemPipes: [refusing],
    })
    async batch(@Payload() items: AmqpBatchItem<Letter>[]): Promise<void> {
      const throws = items.some(
        ({ payload, context }) => payload.kind === 'throws for its batch' && context.attempt === 1,
      );
      const all = items.map(({ payload, context }) => {
        const { attempt, delivery, signal } = context;
        const running = { n: payload.n, attempt, delivery, signal };
        ledger.begin(running);
        return running;
      });
      await new Promise((resolve) => setImmediate(resolve));
      for (const [at, item] of items.entries()) {
        const rejected = item.payload.kind === 'of a batch, rejected';
        if (rejected) item.fail(new RejectMessage('planned'));
        ledger.end(all[at]!, !rejected && !throws);
      }
      if (throws) throw new Error('planned for all');
    }

    @AmqpRpc('price', retried(3))
    price(@Payload(refusing) letter: Letter, @Ctx() context: AmqpContext): Promise<{ n: number }> {
      return told(letter, context, () => {
        if (letter.kind === 'request, throws') throw new Error('planned');
        if (letter.kind === 'request, rejected') throw new RejectMessage('planned');
        if (letter.kind === 'request, retried' && context.attempt === 1) throw new RetryMessage(DELAY, 'planned');
        return { n: letter.n };
      });
    }
  }
  return Consumers;
}
