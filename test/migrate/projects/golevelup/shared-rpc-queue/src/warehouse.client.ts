import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { STOCK_EXCHANGE, StockKey } from './routes';

@Injectable()
export class WarehouseClient {
  constructor(private readonly amqp: AmqpConnection) {}

  async count(item: string): Promise<number> {
    const { count } = await this.amqp.request<{ count: number }>({
      exchange: STOCK_EXCHANGE,
      routingKey: StockKey.Count,
      payload: { item },
    });
    return count;
  }

  async reserve(item: string, count: number): Promise<boolean> {
    const { done } = await this.amqp.request<{ done: boolean }>({
      exchange: STOCK_EXCHANGE,
      routingKey: StockKey.Reserve,
      payload: { item, count },
    });
    return done;
  }

  async report(): Promise<Record<string, number>> {
    return this.amqp.request<Record<string, number>>({
      exchange: STOCK_EXCHANGE,
      routingKey: 'report.daily.shelf',
      payload: {},
    });
  }
}
