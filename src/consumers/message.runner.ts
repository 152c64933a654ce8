import { Injectable, Logger } from '@nestjs/common';
import type { Delivery } from '../../lib/client/index.js';
import { ConnectionRegistry } from '../module/connection-registry.js';
import { AmqpContext } from './amqp-context.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { MessageHandler } from './handler.factory.js';
import { describeError, describeMessage } from './log-text.js';
import { settle, settlementOf, type Outcome } from './settlement.js';

/** Takes a message from its delivery to its settlement. */
@Injectable()
export class MessageRunner {
  private readonly logger = new Logger('AmqpConsumer');

  constructor(private readonly connections: ConnectionRegistry) {}

  /** Never rejects: whatever happens is the outcome of this message and is settled. */
  async run(consumer: DiscoveredConsumer, handler: MessageHandler, delivery: Delivery): Promise<void> {
    const settlement = settlementOf(await this.handle(consumer, handler, delivery));
    if (settlement.kind === 'reject') {
      this.logger.error(
        `Rejected ${describeMessage(delivery)} of queue '${consumer.queue}' in ${consumer.name}: ` +
          describeError(settlement.cause),
      );
    }
    settle(delivery, settlement);
  }

  private async handle(consumer: DiscoveredConsumer, handler: MessageHandler, delivery: Delivery): Promise<Outcome> {
    const { queue, options } = consumer;
    try {
      const { serializers } = this.connections.get(options.connection);
      const payload = serializers.decode(delivery.body, delivery.properties);
      await handler(payload, new AmqpContext(delivery, queue));
      return { ok: true };
    } catch (error) {
      return { ok: false, error };
    }
  }
}
