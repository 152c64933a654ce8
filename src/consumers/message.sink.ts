import type { Delivery } from '../../lib/client/index.js';
import { DeliverySink } from './delivery-sink.js';
import type { MessageRunner } from './message.runner.js';
import type { Settler } from './settlement/settler.js';

/** Hands over each message by itself. */
export class MessageSink extends DeliverySink {
  constructor(
    private readonly runner: MessageRunner,
    private readonly settler: Settler,
  ) {
    super();
  }

  override flush(): void {
    this.settler.release();
  }

  override abandon(): void {
    this.settler.abandon();
  }

  protected async process(delivery: Delivery): Promise<void> {
    const handled = await this.runner.run(delivery);
    if (!handled) this.failed.add();
  }
}
