import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Runs one service until its parent process disconnects, and tells the parent when it is ready. */
export async function runService(module: Type): Promise<void> {
  const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const left = new Promise((resolve) => process.once('disconnect', resolve));
  process.send?.('ready');
  await left;
  await app.close();
}
