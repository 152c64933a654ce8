import { randomUUID } from 'node:crypto';
import { Body, Controller, Post, Sse, UseFilters, type MessageEvent } from '@nestjs/common';
import { ConfirmingPublisher, type PublishReceipt } from 'nest-amqp';
import { MessageReturnedError } from 'nest-amqp/client';
import type { Observable } from 'rxjs';
import { AmqpErrorFilter } from './amqp-error.filter.js';
import { CreateOrderDto } from './create-order.dto.js';
import type { Order } from './order.js';
import { OrderEvents } from './order-events.js';

@Controller('orders')
@UseFilters(AmqpErrorFilter)
export class OrdersController {
  constructor(
    private readonly publisher: ConfirmingPublisher,
    private readonly events: OrderEvents,
  ) {}

  /** Answers 201 once the broker has confirmed the order; the filter answers errors. */
  @Post()
  async create(@Body() { route = 'order.created', ...dto }: CreateOrderDto): Promise<PublishReceipt> {
    const order: Order = { id: randomUUID(), ...dto };
    this.events.add({ order, step: 'published', detail: route });
    try {
      const receipt = await this.publisher.publish('sample-01.orders', route, order, { messageId: order.id });
      this.events.add({ order, step: 'confirmed', detail: `after ${receipt.timeToConfirm.toFixed(1)} ms` });
      return receipt;
    } catch (error) {
      const step = error instanceof MessageReturnedError ? 'returned' : 'failed';
      this.events.add({ order, step, detail: (error as Error).message });
      throw error;
    }
  }

  @Sse('events')
  stream(): Observable<MessageEvent> {
    return this.events.stream();
  }
}
