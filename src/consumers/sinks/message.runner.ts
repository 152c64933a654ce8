import type { Delivery } from '../../../lib/client/index.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { wasRefused } from '../pipeline/refusals.js';
import { failureOf, type Failure } from '../../settlement/outcome.js';
import type { Settler } from '../../settlement/settler.js';

/** The result of handling a message, with the value that the handler returned. */
export type Handled = { readonly ok: true; readonly value: unknown } | Failure;

/** Finishes a handled message, first of all by settling it. It returns without a promise if nothing has to be awaited. */
export type Conclude<R> = (handled: Handled, delivery: Delivery) => R | Promise<R>;

/** Takes a message from its delivery through its handler; settling it is up to whoever asked for that. */
export class MessageRunner {
  constructor(
    private readonly serializers: MessageSerializers,
    private readonly handler: MessageHandler,
    private readonly settler: Pick<Settler, 'contextOf' | 'refusalOf' | 'inTime'>,
  ) {}

  /** Whatever happens is the outcome of this message; rejects only with what `conclude` does. */
  async handle<R>(delivery: Delivery, conclude: Conclude<R>): Promise<R> {
    const { settler } = this;
    const refusal = settler.refusalOf(delivery);
    if (refusal) return conclude(refusal, delivery);
    let payload: unknown;
    try {
      payload = this.serializers.decode(delivery.body, delivery.properties);
    } catch (error) {
      return conclude(failureOf(error, true), delivery);
    }
    const context = settler.contextOf(delivery);
    const { handling } = context;
    let handled: Handled;
    try {
      const value = await settler.inTime({ handling, contexts: [context] }, () => this.handler(payload, context));
      handled = { ok: true, value };
    } catch (error) {
      handled = failureOf(error, wasRefused(context));
    }
    return conclude(handled, delivery);
  }
}
