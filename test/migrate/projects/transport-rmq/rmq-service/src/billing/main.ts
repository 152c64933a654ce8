import { NestFactory } from '@nestjs/core';
import { RmqOptions } from '@nestjs/microservices';
import { RmqService } from '../common/rmq.service';
import { BillingModule } from './billing.module';

export async function bootstrap() {
  const app = await NestFactory.create(BillingModule, { logger: ['error'] });
  const rmqService = app.get<RmqService>(RmqService);
  app.connectMicroservice<RmqOptions>(rmqService.getOptions('BILLING'));
  await app.startAllMicroservices();
  return app;
}
