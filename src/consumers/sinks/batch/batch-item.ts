import { showAs } from '../../../../lib/shown/index.js';
import type { AmqpContext } from '../../../settlement/amqp-context.js';
import { Handling } from '../../../settlement/handling.js';
import { DONE, failureOf, type Outcome } from '../../../settlement/outcome.js';

/**
 * One message of a batch.
 *
 * @publicApi
 */
export class AmqpBatchItem<T = unknown> {
  private outcome: Outcome | undefined;

  /** @param settle is called once, with the first outcome */
  constructor(
    /** Decoded by its content type, and through `itemPipes`. */
    readonly payload: T,
    readonly context: AmqpContext,
    private readonly settle: (outcome: Outcome) => void,
  ) {}

  /** Done with it, whatever becomes of the others. Without effect when it is settled already. */
  ack(): void {
    this.end(DONE);
  }

  /**
   * It failed, alone: the consumer's `retry` says what becomes of it, as if the handler had thrown this error. Without
   * effect when it is settled already.
   */
  fail(error: unknown): void {
    this.end(failureOf(error, false));
  }

  /** @internal The batch as a whole ended so. */
  end(outcome: Outcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.settle(outcome);
  }
}

/**
 * The context that guards, interceptors and filters of a batch consumer get, and that `REQUEST` injects.
 *
 * @publicApi
 */
export class AmqpBatchContext<T = unknown> {
  /** @internal */
  readonly handling = new Handling();

  constructor(
    readonly queue: string,
    readonly items: readonly AmqpBatchItem<T>[],
  ) {}

  /** Aborted when what the handler does no longer counts, as {@link AmqpContext.signal}. */
  get signal(): AbortSignal {
    return this.handling.signal;
  }
}

showAs(AmqpBatchItem, ({ context }) => ({ context }));
showAs(AmqpBatchContext, ({ queue, items }) => ({ queue, items: items.length }));
