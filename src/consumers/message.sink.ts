import type { Delivery } from '../../lib/client/index.js';
import { DeliverySink, type Result } from './delivery-sink.js';
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

  protected async process(delivery: Delivery): Promise<Result> {
    const handled = await this.runner.handle(delivery);
    await this.settler.settle(delivery, handled);
    return handled.ok ? 'done' : 'failed';
  }
}
