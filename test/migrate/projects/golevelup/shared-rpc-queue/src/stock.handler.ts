import { RabbitPayload, RabbitRPC } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import { STOCK_EXCHANGE, STOCK_QUEUE, StockKey } from './routes';
import { ShelfService } from './shelf.service';

interface Change {
  item: string;
  count: number;
}

@Injectable()
export class StockHandler {
  constructor(private readonly shelf: ShelfService) {}

  @RabbitRPC({
    exchange: STOCK_EXCHANGE,
    routingKey: StockKey.Count,
    queue: STOCK_QUEUE,
    queueOptions: { channel: 'requests' },
  })
  count(@RabbitPayload('item') item: string) {
    return { item, count: this.shelf.count(item) };
  }

  @RabbitRPC({
    exchange: STOCK_EXCHANGE,
    routingKey: [StockKey.Reserve, StockKey.Release],
    queue: STOCK_QUEUE,
    queueOptions: { channel: 'requests' },
  })
  async change({ item, count }: Change, message: ConsumeMessage) {
    const sign = message.fields.routingKey === StockKey.Reserve ? -1 : 1;
    return { done: this.shelf.change(item, sign * count) };
  }
}
