import type { Delivery } from '../../lib/client/index.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import type { MessageHandler } from './handler.factory.js';
import { wasRefused } from './refusals.js';
import type { Failure } from './settlement/outcome.js';
import type { Settler } from './settlement/settler.js';

/** How the handling of a message ended, with what the handler returned. */
export type Handled = { readonly ok: true; readonly value: unknown } | Failure;

/** Takes a message from its delivery through its handler; settling it is up to whoever asked for that. */
export class MessageRunner {
  constructor(
    private readonly serializers: MessageSerializers,
    private readonly handler: MessageHandler,
    private readonly settler: Pick<Settler, 'contextOf'>,
  ) {}

  /** Never rejects: whatever happens is the outcome of this message. */
  async handle(delivery: Delivery): Promise<Handled> {
    let payload: unknown;
    try {
      payload = this.serializers.decode(delivery.body, delivery.properties);
    } catch (error) {
      return { ok: false, error, refused: true };
    }
    const context = this.settler.contextOf(delivery);
    try {
      return { ok: true, value: await this.handler(payload, context) };
    } catch (error) {
      return { ok: false, error, refused: wasRefused(context) };
    }
  }
}
