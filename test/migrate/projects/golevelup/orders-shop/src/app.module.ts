import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { BillingConsumer } from './billing.consumer';
import { OrdersService } from './orders.service';

@Module({
  imports: [
    RabbitMQModule.forRoot({
      exchanges: [
        { name: 'shop.orders', type: 'topic', options: { durable: true } },
        { name: 'shop.audit', type: 'fanout', createExchangeIfNotExists: true },
      ],
      exchangeBindings: [{ destination: 'shop.audit', source: 'shop.orders', pattern: '#' }],
      uri: process.env.AMQP_URL as string,
      prefetchCount: 20,
      connectionInitOptions: { wait: true, timeout: 8000 },
      connectionManagerOptions: { heartbeatIntervalInSeconds: 15, reconnectTimeInSeconds: 2 },
      enableControllerDiscovery: true,
    }),
  ],
  providers: [OrdersService, BillingConsumer],
})
export class AppModule {}
