import type { Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { DeliverySink, type Result } from './delivery.sink.js';
import type { Handled, MessageRunner } from './message.runner.js';
import type { Settler } from '../../settlement/settler.js';

/** Hands over each message by itself. */
export class MessageSink extends DeliverySink {
  constructor(
    private readonly runner: MessageRunner,
    settler: Settler,
    clock: Clock,
  ) {
    super(clock, settler);
  }

  protected process(delivery: Delivery): Promise<Result> {
    return this.runner.handle(delivery, this.conclude);
  }

  private readonly conclude = (handled: Handled, delivery: Delivery): Result | Promise<Result> => {
    const settled = this.settler.settle(delivery, handled);
    return handled.ok ? 'done' : settled.then(() => 'failed');
  };
}
