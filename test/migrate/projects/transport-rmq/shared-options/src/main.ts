import { NestFactory } from '@nestjs/core';
import { mailServer } from './config/rmq';
import { MailModule } from './mail.module';

export async function bootstrap() {
  const app = await NestFactory.createMicroservice(MailModule, { ...mailServer, logger: ['error'] });
  await app.listen();
  return app;
}
