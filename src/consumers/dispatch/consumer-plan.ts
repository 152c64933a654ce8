import type { BindingDefinition } from '../../topology/bindings.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import type { BatchOptions } from '../options/batch-options.js';
import type { SingleOptions } from '../options/rpc-options.js';
import type { RpcErrors } from '../../rpc/told-error.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import type { AmqpBatchContext } from '../sinks/batch/batch-item.js';

/** What several handlers of one consumer add to it. */
export interface Sharing {
  /** Returns the handler of one message; undefined if it has none. */
  readonly nameOf: (context: AmqpContext) => string | undefined;
  /** Returns true for a message that is answered if it is a request. */
  readonly answers: (context: AmqpContext) => boolean;
  /** Returns the option `errors` of the handler of one message. */
  readonly errorsOf: (context: AmqpContext) => RpcErrors | undefined;
}

/** One consumer of a queue, with its handler or with the handlers that share it. */
export type ConsumerPlan = {
  /** Its name in logs and errors: `BillingConsumer.onOrder`. */
  readonly name: string;
  /** Class and method of each handler. */
  readonly handlers: readonly string[];
  readonly queue: string;
  readonly connection: NamedConnection;
  /** The bindings of the queue that follow from its handlers. */
  readonly bindings: readonly BindingDefinition[];
} & (
  | {
      readonly kind: 'message' | 'rpc';
      readonly options: SingleOptions;
      readonly handler: MessageHandler;
      readonly sharing?: Sharing;
    }
  | { readonly kind: 'batch'; readonly options: BatchOptions; readonly handler: MessageHandler<AmqpBatchContext> }
);
