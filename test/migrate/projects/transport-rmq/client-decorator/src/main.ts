import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { MathsModule } from './maths.module';
import { rabbit } from './rabbit.config';

export async function start() {
  const app = await NestFactory.create(MathsModule, { logger: ['error'] });
  app.connectMicroservice({ transport: Transport.RMQ, options: rabbit });
  await app.startAllMicroservices();
  await app.init();
  return app;
}
