import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { startTracing } from './telemetry/tracing.js';

/** The broker, which `src/main.ts` sets. */
export const url = process.env['AMQP_URL'] ?? '';

/**
 * Runs one service until its parent process disconnects.
 *
 * @param work is called once the service is ready
 */
export async function runService(
  name: string,
  module: Type,
  work: (app: INestApplicationContext) => Promise<void> = async () => {},
): Promise<void> {
  const tracing = startTracing(name);
  const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const left = new Promise((resolve) => process.once('disconnect', resolve));
  process.send?.('ready');
  await work(app);
  await left;
  await app.close();
  // Sends the last spans.
  await tracing.stop();
}
