import { NestFactory } from '@nestjs/core';
import { MicroserviceOptions, Transport } from '@nestjs/microservices';
import { OrdersModule } from './orders.module';

export async function bootstrap() {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(OrdersModule, {
    transport: Transport.RMQ,
    options: {
      urls: [process.env.AMQP_URL || 'amqp://localhost:5672'],
      queue: 'orders_queue',
      queueOptions: {
        durable: false,
      },
    },
    logger: ['error', 'warn'],
  });
  await app.listen();
  return app;
}
