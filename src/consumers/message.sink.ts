import type { Delivery } from '../../lib/client/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { DeliverySink } from './delivery-sink.js';
import type { MessageHandler } from './handler.factory.js';
import type { MessageRunner } from './message.runner.js';

/** Hands over each message by itself. */
export class MessageSink extends DeliverySink {
  constructor(
    private readonly consumer: DiscoveredConsumer,
    private readonly handler: MessageHandler,
    private readonly runner: MessageRunner,
  ) {
    super();
  }

  protected process(delivery: Delivery): Promise<void> {
    return this.runner.run(this.consumer, this.handler, delivery);
  }
}
