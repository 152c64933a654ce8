import { Controller, Get, HttpException, Param } from '@nestjs/common';
import { ConfirmingPublisher, RpcRemoteError } from 'nest-amqp';
import type { Price } from './price.service.js';

/** The asking side. It waits two seconds at most for the answer. */
@Controller('prices')
export class PricesController {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  @Get(':item')
  async price(@Param('item') item: string): Promise<Price> {
    try {
      return await this.publisher.request<Price>('', 'sample-03.prices', { item }, { timeout: 2_000 });
    } catch (error) {
      // Rethrows the HttpException of the answering side.
      const { data } = error instanceof RpcRemoteError ? error : {};
      const { statusCode } = (data ?? {}) as { statusCode?: number };
      if (statusCode === undefined) throw error;
      throw new HttpException(data as object, statusCode);
    }
  }
}
