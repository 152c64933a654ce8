import type { Delivery } from '../../../lib/client/index.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import type { MessageHandler } from '../pipeline/handler.factory.js';
import { wasRefused } from '../pipeline/refusals.js';
import type { Failure } from '../../settlement/outcome.js';
import type { Settler } from '../../settlement/settler.js';

/** How the handling of a message ended, with what the handler returned. */
export type Handled = { readonly ok: true; readonly value: unknown } | Failure;

/** What becomes of a message that was handled: its settlement, to begin with. At once, where nothing has to be waited for. */
export type Conclude<R> = (handled: Handled, delivery: Delivery) => R | Promise<R>;

/** Takes a message from its delivery through its handler; settling it is up to whoever asked for that. */
export class MessageRunner {
  constructor(
    private readonly serializers: MessageSerializers,
    private readonly handler: MessageHandler,
    private readonly settler: Pick<Settler, 'contextOf'>,
  ) {}

  /** Whatever happens is the outcome of this message; rejects only with what `conclude` does. */
  async handle<R>(delivery: Delivery, conclude: Conclude<R>): Promise<R> {
    let payload: unknown;
    try {
      payload = this.serializers.decode(delivery.body, delivery.properties);
    } catch (error) {
      return conclude({ ok: false, error, refused: true }, delivery);
    }
    const context = this.settler.contextOf(delivery);
    let handled: Handled;
    try {
      handled = { ok: true, value: await this.handler(payload, context) };
    } catch (error) {
      handled = { ok: false, error, refused: wasRefused(context) };
    }
    return conclude(handled, delivery);
  }
}
