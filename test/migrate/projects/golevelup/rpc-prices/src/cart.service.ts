import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';

interface Price {
  item: string;
  cents: number | null;
}

@Injectable()
export class CartService {
  constructor(private amqp: AmqpConnection) {}

  async total(items: string[]): Promise<number> {
    const prices = await Promise.all(
      items.map((item) =>
        this.amqp.request<Price>({
          exchange: 'prices',
          routingKey: 'price.get',
          payload: { item },
          timeout: 2_000,
        }),
      ),
    );
    return prices.reduce((sum, { cents }) => sum + (cents ?? 0), 0);
  }

  async items() {
    const response = await this.amqp.request<string[]>({ exchange: 'prices', routingKey: 'price.list' });
    return response.sort();
  }
}
