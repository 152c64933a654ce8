import type { Delivery } from '../../lib/client/index.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import type { MessageHandler } from './handler.factory.js';
import { wasRefused } from './refusals.js';
import { DONE, type Outcome } from './settlement/outcome.js';
import type { Settler } from './settlement/settler.js';

/** Takes a message from its delivery to its settlement. */
export class MessageRunner {
  constructor(
    private readonly serializers: MessageSerializers,
    private readonly handler: MessageHandler,
    private readonly settler: Settler,
  ) {}

  /** Never rejects: whatever happens is the outcome of this message and is settled. False when it was not handled. */
  async run(delivery: Delivery): Promise<boolean> {
    const outcome = await this.handle(delivery);
    await this.settler.settle(delivery, outcome);
    return outcome.ok;
  }

  private async handle(delivery: Delivery): Promise<Outcome> {
    let payload: unknown;
    try {
      payload = this.serializers.decode(delivery.body, delivery.properties);
    } catch (error) {
      return { ok: false, error, refused: true };
    }
    const context = this.settler.contextOf(delivery);
    try {
      await this.handler(payload, context);
      return DONE;
    } catch (error) {
      return { ok: false, error, refused: wasRefused(context) };
    }
  }
}
