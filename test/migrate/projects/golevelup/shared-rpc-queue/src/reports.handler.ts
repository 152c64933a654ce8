import { RabbitRPC } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { STOCK_EXCHANGE } from './routes';
import { ShelfService } from './shelf.service';

@Injectable()
export class ReportsHandler {
  constructor(private readonly shelf: ShelfService) {}

  @RabbitRPC({
    exchange: STOCK_EXCHANGE,
    routingKey: 'report.#',
    queue: 'warehouse.requests',
    queueOptions: { channel: 'requests' },
  })
  report() {
    return this.shelf.all();
  }
}
