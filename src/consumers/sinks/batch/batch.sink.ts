import type { PipeTransform } from '@nestjs/common';
import type { Delivery } from '../../../../lib/client/index.js';
import { isThenable } from '../../../common/thenable.js';
import type { MessageSerializers } from '../../../serialization/message-serializers.js';
import { DeliverySink, type Result, type SinkParts } from '../delivery.sink.js';
import type { MessageHandler } from '../../pipeline/handler.factory.js';
import { wasRefused } from '../../pipeline/refusals.js';
import { isRefusal } from '../../../settlement/refusal.js';
import { DONE, failureOf, type Failure } from '../../../settlement/outcome.js';
import { BatchCollector } from './batch-collector.js';
import { AmqpBatchContext, AmqpBatchItem } from './batch-item.js';
import type { BatchLimits } from '../../options/batch-options.js';

/** The parts of a batch consumer. */
export interface BatchParts extends SinkParts {
  readonly queue: string;
  readonly limits: BatchLimits;
  readonly itemPipes: readonly PipeTransform[];
  readonly serializers: MessageSerializers;
  readonly handler: MessageHandler<AmqpBatchContext>;
}

/** An item that waits for its batch, with the function to call if the channel is lost before. */
interface Waiting {
  readonly item: AmqpBatchItem;
  readonly abandon: () => void;
}

/** Handles messages in batches, and settles each one alone. */
export class BatchSink extends DeliverySink {
  private readonly collector: BatchCollector<Waiting>;

  constructor(private readonly parts: BatchParts) {
    super(parts);
    this.collector = new BatchCollector(parts.clock, parts.limits, (batch) =>
      this.handleBatch(batch.map(({ item }) => item)),
    );
  }

  override flush(): void {
    this.collector.flush();
    super.flush();
  }

  override abandon(reason?: Error): void {
    for (const { abandon } of this.collector.clear()) abandon();
    super.abandon(reason);
  }

  handle(delivery: Delivery): Promise<void> {
    return this.count(delivery, () => this.collect(delivery));
  }

  private async collect(delivery: Delivery): Promise<Result> {
    const { settler } = this.parts;
    const refusal = settler.refusalOf(delivery);
    if (refusal) {
      await settler.refuse(delivery, refusal);
      return 'failed';
    }
    const { losses } = settler;
    let payload: unknown;
    try {
      payload = await this.decoded(delivery);
      // A message that comes again passes the pipes then.
      if (losses === settler.losses) payload = await this.piped(payload);
    } catch (failure) {
      if (losses !== settler.losses) return 'abandoned';
      // The message fails alone; other items of its batch are not affected.
      await settler.refuse(delivery, failure as Failure);
      return 'failed';
    }
    if (losses !== settler.losses) return 'abandoned';
    return new Promise<Result>((resolve) => {
      const item = new AmqpBatchItem(payload, settler.contextOf(delivery), (outcome) => {
        void settler.settle(delivery, outcome).then(() => resolve(outcome.ok ? 'done' : 'failed'));
      });
      this.collector.add({ item, abandon: () => resolve('abandoned') });
    });
  }

  /** @throws Failure */
  private async decoded(delivery: Delivery): Promise<unknown> {
    try {
      const payload = this.parts.serializers.decode(delivery.body, delivery.properties);
      return isThenable(payload) ? await payload : payload;
    } catch (error) {
      throw failureOf(error, { refused: true });
    }
  }

  /** @throws Failure */
  private async piped(decoded: unknown): Promise<unknown> {
    let payload = decoded;
    try {
      for (const pipe of this.parts.itemPipes) {
        payload = await (pipe.transform(payload, { type: 'body', metatype: undefined, data: undefined }) as unknown);
      }
      return payload;
    } catch (error) {
      throw failureOf(error, { refused: isRefusal(error) });
    }
  }

  private handleBatch(items: readonly AmqpBatchItem[]): Promise<void> {
    const context = new AmqpBatchContext(this.parts.queue, items);
    const trace = this.settler.traceBatch(items);
    context.handling.trace = trace;
    return trace ? trace.run(() => this.process(items, context)) : this.process(items, context);
  }

  private async process(items: readonly AmqpBatchItem[], context: AmqpBatchContext): Promise<void> {
    const { trace } = context.handling;
    for (const item of items) item.context.handling = context.handling;
    try {
      await this.settler.inTime(context, async () => this.parts.handler([...items], context));
      trace?.succeed();
      for (const item of items) item.end(DONE);
    } catch (error) {
      trace?.fail(error);
      for (const item of items) item.end(failureOf(error, { refused: wasRefused(context) }));
    }
  }
}
