import { Controller, Get, HttpException, Param } from '@nestjs/common';
import { ConfirmingPublisher, RpcRemoteError } from 'nest-amqp';
import type { Price } from './price.service.js';

/** The asking side: it waits for the answer, two seconds at most. */
@Controller('prices')
export class PricesController {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  @Get(':item')
  async price(@Param('item') item: string): Promise<Price> {
    try {
      return await this.publisher.request<Price>('', 'sample-03.prices', { item }, { timeout: 2_000 });
    } catch (error) {
      // What an HttpException said over there is said here.
      const { data } = error instanceof RpcRemoteError ? error : {};
      const { statusCode } = (data ?? {}) as { statusCode?: number };
      if (statusCode === undefined) throw error;
      throw new HttpException(data as object, statusCode);
    }
  }
}
