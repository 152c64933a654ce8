import { Controller, Get, Param } from '@nestjs/common';
import { ConfirmingPublisher } from 'nest-amqp';
import type { Price } from './price.service.js';

/** The asking side. It waits two seconds at most for the answer. */
@Controller('prices')
export class PricesController {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  @Get(':item')
  price(@Param('item') item: string): Promise<Price> {
    return this.publisher.request<Price>('', 'sample-03.prices', { item }, { timeout: 2_000 });
  }
}
