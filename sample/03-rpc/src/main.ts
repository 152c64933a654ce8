import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

if (!process.env['AMQP_URL']) {
  console.error('AMQP_URL is not set. Set it to your broker, amqp://localhost for one.');
  process.exit(1);
}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks([], { useProcessExit: true });
await app.listen(Number(process.env['PORT'] || 3000));
new Logger('Prices').log(`Open ${(await app.getUrl()).replace('[::1]', 'localhost')}/prices/lamp`);
