import { showAs } from '../../../../lib/shown/index.js';
import type { AmqpContext } from '../../../settlement/amqp-context.js';
import { Handling } from '../../../settlement/handling.js';
import { DONE, failureOf, type Outcome } from '../../../settlement/outcome.js';

/**
 * One message of a batch.
 *
 * @example
 * ```ts
 * for (const item of items) {
 *   if (item.payload.value < 0) item.fail(new RejectMessage('negative reading'));
 * }
 * ```
 *
 * @publicApi
 */
export class AmqpBatchItem<T = unknown> {
  private outcome: Outcome | undefined;

  /** @param settle is called once, with the first outcome */
  constructor(
    /** The payload, decoded by its content type and passed through `itemPipes`. */
    readonly payload: T,
    /** The context of this message: properties, headers, queue, attempt. */
    readonly context: AmqpContext,
    private readonly settle: (outcome: Outcome) => void,
  ) {}

  /** Acknowledges the message, independently of the rest of the batch. Has no effect if the item is settled. */
  ack(): void {
    this.end(DONE);
  }

  /**
   * Fails this message alone. The consumer's `retry` applies as if the handler had thrown the error. Has no effect if the
   * item is settled.
   *
   * @param error the reason; `RejectMessage`, `RequeueMessage` and `RetryMessage` have the effect that they have when thrown
   */
  fail(error: unknown): void {
    this.end(failureOf(error));
  }

  /** @internal Settles the item with the outcome of the whole batch, unless it is settled. */
  end(outcome: Outcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.settle(outcome);
  }
}

/**
 * The context that guards, interceptors and filters of a batch consumer get, and that `REQUEST` injects.
 *
 * @example
 * ```ts
 * intercept(execution: ExecutionContext, next: CallHandler) {
 *   const { queue, items } = execution.switchToRpc().getContext<AmqpBatchContext>();
 *   console.log(`${items.length} messages of ${queue}`);
 *   return next.handle();
 * }
 * ```
 *
 * @publicApi
 */
export class AmqpBatchContext<T = unknown> {
  /** @internal */
  readonly handling = new Handling();

  constructor(
    /** The queue that the messages were consumed from. */
    readonly queue: string,
    /** The messages, oldest first. */
    readonly items: readonly AmqpBatchItem<T>[],
  ) {}

  /** The queue, see {@link AmqpContext.getPattern}. */
  getPattern(): string {
    return this.queue;
  }

  /** @internal */
  get contexts(): readonly AmqpContext[] {
    return this.items.map(({ context }) => context);
  }

  /** Aborted when the result of the handler does not count any more, see {@link AmqpContext.signal}. */
  get signal(): AbortSignal {
    return this.handling.signal;
  }
}

showAs(AmqpBatchItem, ({ context }) => ({ context }));
showAs(AmqpBatchContext, ({ queue, items }) => ({ queue, items: items.length }));
