import type { Delivery, TracedProcess } from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import { failureOf, type Failure } from '../../settlement/outcome.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { StaleDeliveryError } from '../../settlement/settlement.errors.js';
import { wasRefused } from '../pipeline/refusals.js';
import { DeliverySink, type Result, type SinkParts } from './delivery.sink.js';

/** The result of handling a message, with the value that the handler returned. */
export type Handled = { readonly ok: true; readonly value: unknown } | Failure;

/** The parts of a sink whose handler gets one message at a time. */
export interface MessageParts extends SinkParts {
  readonly serializers: MessageSerializers;
  readonly handler: MessageHandler;
}

const LOST = 'its channel was lost while it was decoded';

/** One attempt at a message. */
interface Attempt {
  readonly delivery: Delivery;
  readonly trace: TracedProcess | undefined;
  /** The losses of channels before it. */
  readonly losses: number;
  /** Undefined until the message is decoded. */
  context: AmqpContext | undefined;
}

/**
 * Handles each message alone. Every error on the way is the outcome of this message.
 *
 *     decode ─▶ call ─▶ conclude: settle      each step calls the next one, at once unless there is a promise to await
 *        └───────┴─error─▶ fail ─▶ conclude
 */
export class MessageSink extends DeliverySink {
  constructor(private readonly parts: MessageParts) {
    super(parts);
  }

  handle(delivery: Delivery): Promise<void> | undefined {
    const trace = this.settler.traceOf(delivery);
    return trace ? trace.run(() => this.process(delivery, trace)) : this.process(delivery, undefined);
  }

  private process(delivery: Delivery, trace: TracedProcess | undefined): Promise<void> | undefined {
    this.begin(delivery);
    let result: Result | Promise<Result> = 'abandoned';
    try {
      result = this.decode({ delivery, trace, losses: this.settler.losses, context: undefined });
    } finally {
      if (typeof result === 'string') this.end(delivery, result);
    }
    return typeof result === 'string' ? undefined : this.endAfter(result, delivery);
  }

  private async endAfter(pending: Promise<Result>, delivery: Delivery): Promise<void> {
    let result: Result = 'abandoned';
    try {
      result = await pending;
    } finally {
      this.end(delivery, result);
    }
  }

  private decode(message: Attempt): Result | Promise<Result> {
    const { delivery } = message;
    const refusal = this.settler.refusalOf(delivery);
    if (refusal) return this.outcome(message, refusal);
    let payload: unknown;
    try {
      payload = this.parts.serializers.decode(delivery.body, delivery.properties);
    } catch (error) {
      return this.fail(message, error);
    }
    if (!isThenable(payload)) return this.call(message, payload);
    return Promise.resolve(payload).then(
      (decoded) => this.call(message, decoded),
      (error: unknown) => this.fail(message, error),
    );
  }

  private call(message: Attempt, payload: unknown): Result | Promise<Result> {
    const { settler } = this;
    let value: unknown;
    try {
      // The broker delivers the message again.
      if (message.losses !== settler.losses) throw new StaleDeliveryError(LOST);
      const context = settler.contextOf(message.delivery, message.trace);
      message.context = context;
      settler.handlings.begin(context);
      value = this.parts.handler(payload, context);
      if (isThenable(value)) {
        return settler.handlings.inTime(context, Promise.resolve(value)).then(
          (returned) => this.outcome(message, { ok: true, value: returned }),
          (error: unknown) => this.fail(message, error),
        );
      }
    } catch (error) {
      return this.fail(message, error);
    }
    return this.outcome(message, { ok: true, value });
  }

  private fail(message: Attempt, error: unknown): Result | Promise<Result> {
    const { context, trace, losses } = message;
    // The channel was lost while the payload was decoded, which nobody else knows of.
    if (!context && losses !== this.settler.losses) {
      trace?.fail(error);
      return 'abandoned';
    }
    // Without a context the message cannot be decoded.
    return this.outcome(message, failureOf(error, { refused: !context || wasRefused(context) }));
  }

  private outcome({ delivery, trace, context }: Attempt, handled: Handled): Result | Promise<Result> {
    if (context) this.settler.handlings.end(context);
    // A handler whose result does not count any more has failed before.
    if (handled.ok) trace?.succeed();
    else trace?.fail(handled.error);
    return this.conclude(handled, delivery);
  }

  /** Settles a message. It returns without a promise if nothing has to be awaited. */
  protected conclude(handled: Handled, delivery: Delivery): Result | Promise<Result> {
    const settled = this.settler.settle(delivery, handled);
    return handled.ok ? 'done' : settled.then(() => 'failed');
  }
}
