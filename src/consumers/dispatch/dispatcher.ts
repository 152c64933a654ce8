import type { AmqpContext } from '../../settlement/amqp-context.js';
import type { RpcErrors } from '../../rpc/told-error.js';
import { NoHandlerError } from '../consumer.errors.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { markRefused } from '../pipeline/refusals.js';
import { PatternTable } from './pattern-table.js';
import type { Selection } from './selection.js';

/** One of the handlers that share a consumer. */
export interface Target {
  /** `OrdersConsumer.onCreated` */
  readonly name: string;
  readonly kind: 'message' | 'rpc';
  /** The handler within its own guards, pipes, interceptors and filters. */
  readonly handler: MessageHandler;
  /** The option of an RPC handler. */
  readonly errors?: RpcErrors | undefined;
}

/** Passes each message of a shared consumer to the handler with the most specific pattern that fits. */
export class Dispatcher {
  private readonly table: PatternTable<Target>;

  /**
   * @param selection what the patterns are compared with
   * @param targets by their patterns
   * @param fallback gets what fits no pattern; without it such a message is refused
   */
  constructor(
    private readonly queue: string,
    private readonly selection: Pick<Selection, 'by' | 'read'>,
    private readonly targets: ReadonlyMap<string, Target>,
    private readonly fallback: Target | undefined,
  ) {
    this.table = new PatternTable(targets);
  }

  /** The handler of the whole consumer. @throws NoHandlerError */
  readonly handle: MessageHandler = (payload, context) => {
    const target = this.find(context);
    if (target) return target.handler(payload, context);
    // It would fit no handler the next time, either.
    markRefused(context);
    throw new NoHandlerError(this.queue, this.selection.by, this.selection.read(context), [...this.targets.keys()]);
  };

  /** Returns the name of the handler that gets the message; undefined if there is none, or the message is malformed. */
  readonly nameOf = (context: AmqpContext): string | undefined => {
    try {
      return this.find(context)?.name;
    } catch {
      return undefined;
    }
  };

  /** Returns true for a message that is answered if it is a request: its handler answers requests, or it has none. */
  readonly answers = (context: AmqpContext): boolean => (this.find(context)?.kind ?? 'rpc') === 'rpc';

  /** Returns the option `errors` of the handler that gets the message. */
  readonly errorsOf = (context: AmqpContext): RpcErrors | undefined => this.find(context)?.errors;

  private find(context: AmqpContext): Target | undefined {
    const key = this.selection.read(context);
    return (key === undefined ? undefined : this.table.find(key)) ?? this.fallback;
  }
}
