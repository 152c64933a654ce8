import { RabbitPayload, RabbitRPC } from '@golevelup/nestjs-rabbitmq';
import { Controller } from '@nestjs/common';

const PRICES: Record<string, number> = { lamp: 4900, chair: 12000 };

@Controller()
export class PricesController {
  @RabbitRPC({ exchange: 'prices', routingKey: 'price.get', queue: 'prices.get' })
  async get(@RabbitPayload('item') item: string) {
    return { item, cents: PRICES[item] ?? null };
  }

  @RabbitRPC({
    exchange: 'prices',
    routingKey: 'price.list',
    queue: 'prices.list',
  })
  list() {
    return Object.keys(PRICES);
  }
}
