import 'reflect-metadata';
import type { IncomingMessage } from 'node:http';
import { Logger, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';

const port = Number(process.env['PORT'] || 3000);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`PORT is '${process.env['PORT']}'. Set it to a number from 0 (any free port) to 65535.`);
  process.exit(1);
}

const isOfBoard = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/amqp/');

// Browsers hold their event streams open; the server must not wait for them when it stops.
const app = await NestFactory.create<NestExpressApplication>(AppModule, { forceCloseConnections: true });
// The board sends the keys of the messages that were selected.
app.useBodyParser('json', { limit: '64kb', type: isOfBoard });
// The limit fits the longest order. A larger body could nest JSON deeper than class-transformer can recurse.
app.useBodyParser('json', { limit: '1kb' });
app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
app.enableShutdownHooks([], { useProcessExit: true });
await app.listen(port);
new Logger('Orders').log(`Open ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
