import 'reflect-metadata';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { Database } from './database/database.js';
import { Orders } from './shop/orders.js';
import { ShopModule } from './shop/shop.module.js';

if (!process.env['DATABASE_URL']) throw new Error('set DATABASE_URL to a PostgreSQL, see README.md');
const broker = process.env['AMQP_URL'] ? undefined : await EmbeddedBroker.start();
const env = { ...process.env, AMQP_URL: process.env['AMQP_URL'] || broker?.url };

/** Starts a service in a process of its own, and waits until it is ready. */
async function start(service: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(`${service}/main.js`, import.meta.url)), { env });
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`${service} ended with code ${code}`);
  });
  await once(child, 'message');
  return child;
}

const services = [await start('billing'), await start('relay')];
const shop = await NestFactory.createApplicationContext(ShopModule, { logger: ['error', 'warn'] });
const orders = shop.get(Orders);
const database = shop.get(Database);
const run = Date.now();

await orders.place({ id: `${run}-lamp`, cents: 4_900 });
console.log('the lamp is ordered');
await orders.place({ id: `${run}-piano`, cents: 490_000 }).catch((error: Error) => console.log(error.message));
await orders.place({ id: `${run}-tea`, cents: 390 });
console.log('the tea is ordered');

// The shop would not look into the tables of billing; this program does, to show them.
const billed = (): Promise<{ order: string }[]> =>
  database.query('SELECT "order" FROM bills WHERE "order" LIKE $1 ORDER BY 1', [`${run}-%`]);
while ((await billed()).length < 2) await delay(50);
for (const { order } of await billed()) console.log(`billed: ${order}`);

for (const service of services) {
  const ended = once(service, 'exit');
  service.disconnect();
  await ended;
}
await shop.close();
await broker?.close();
