import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { EXCHANGE, url } from './audit.constants';
import { AuditModule } from './audit.module';

export const bootstrap = async () => {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AuditModule, {
    logger: ['error'],
    transport: Transport.RMQ,
    options: {
      urls: [url()],
      queue: 'audit',
      noAck: false,
      exchange: EXCHANGE,
      exchangeType: 'topic',
      wildcards: true,
      queueOptions: { durable: true, arguments: { 'x-max-length': 1000 } },
      socketOptions: { heartbeatIntervalInSeconds: 30 },
    },
  });
  await app.listen();
  return app;
};
