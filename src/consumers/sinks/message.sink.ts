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

/** Handles each message alone. Every error on the way is the outcome of this message. */
export class MessageSink extends DeliverySink {
  constructor(private readonly parts: MessageParts) {
    super(parts);
  }

  handle(delivery: Delivery): Promise<void> {
    const trace = this.settler.traceOf(delivery);
    return trace ? trace.run(() => this.process(delivery, trace)) : this.process(delivery, undefined);
  }

  /** All in one function, since each promise between delivery and settlement takes as long as decoding the payload. */
  private async process(delivery: Delivery, trace: TracedProcess | undefined): Promise<void> {
    this.begin(delivery);
    let result: Result = 'abandoned';
    try {
      const { settler } = this;
      const { losses } = settler;
      let handled: Handled | undefined = settler.refusalOf(delivery);
      if (!handled) {
        let context: AmqpContext | undefined;
        try {
          let payload = this.parts.serializers.decode(delivery.body, delivery.properties);
          if (isThenable(payload)) {
            payload = await payload;
            // The broker delivers the message again.
            if (losses !== settler.losses) throw new StaleDeliveryError(LOST);
          }
          context = settler.contextOf(delivery, trace);
          settler.handlings.begin(context);
          const value = await settler.handlings.inTime(context, this.parts.handler(payload, context));
          handled = { ok: true, value };
        } catch (error) {
          // The channel was lost while the payload was decoded, which nobody else knows of.
          if (!context && losses !== settler.losses) return trace?.fail(error);
          // Without a context the message cannot be decoded.
          handled = failureOf(error, { refused: !context || wasRefused(context) });
        }
        if (context) settler.handlings.end(context);
      }
      // A handler whose result does not count any more has failed before.
      if (handled.ok) trace?.succeed();
      else trace?.fail(handled.error);
      const concluded = this.conclude(handled, delivery);
      result = typeof concluded === 'string' ? concluded : await concluded;
    } finally {
      this.end(delivery, result);
    }
  }

  /** Settles a message. It returns without a promise if nothing has to be awaited. */
  protected conclude(handled: Handled, delivery: Delivery): Result | Promise<Result> {
    const settled = this.settler.settle(delivery, handled);
    return handled.ok ? 'done' : settled.then(() => 'failed');
  }
}
