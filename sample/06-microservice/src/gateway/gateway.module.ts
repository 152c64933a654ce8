import { Module } from '@nestjs/common';
import { AmqpModule } from 'nest-amqp';
import { AmqpMicroservicesModule } from 'nest-amqp/microservices';
import { url } from '../options.js';
import { GatewayController } from './gateway.controller.js';
import { PlacedOrders } from './placed-orders.js';

@Module({
  imports: [AmqpModule.forRoot({ url, connectionName: 'sample-06 gateway' }), AmqpMicroservicesModule],
  controllers: [GatewayController],
  providers: [PlacedOrders],
})
export class GatewayModule {}
