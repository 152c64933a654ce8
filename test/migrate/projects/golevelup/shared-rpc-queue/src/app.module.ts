import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { ReportsHandler } from './reports.handler';
import { STOCK_EXCHANGE } from './routes';
import { ShelfService } from './shelf.service';
import { StockHandler } from './stock.handler';
import { WarehouseClient } from './warehouse.client';

@Module({
  imports: [
    RabbitMQModule.forRootAsync({
      useFactory: () => ({
        uri: process.env.AMQP_URL!,
        exchanges: [{ name: STOCK_EXCHANGE, type: 'topic' }],
        channels: { requests: { prefetchCount: 5 } },
        connectionInitOptions: { wait: true, timeout: 10_000 },
      }),
    }),
  ],
  providers: [ShelfService, StockHandler, ReportsHandler, WarehouseClient],
})
export class AppModule {}
