import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { CartService } from './cart.service';
import { PricesController } from './prices.controller';

@Module({
  imports: [
    RabbitMQModule.forRoot({
      exchanges: [
        {
          name: 'prices',
          type: 'direct',
        },
      ],
      uri: [process.env.AMQP_URL!],
      defaultRpcTimeout: 5000,
      enableControllerDiscovery: true,
    }),
  ],
  controllers: [PricesController],
  providers: [CartService],
})
export class AppModule {}
