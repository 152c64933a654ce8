/**
 * An application that SIGTERM ends: `node shutdown.app.js standalone|http|hybrid`. It holds every message until then, and prints
 * the fate of each in a line on stdout.
 */
import 'reflect-metadata';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Module, type INestApplicationContext, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
// The application uses the sources, so that it does not depend on the build of another test.
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, Payload } from '../../../src/index.js';

const { AMQP_URL: url = '', QUEUE: queue = '', DONE: done = '', IN_FLIGHT: expected } = process.env;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const terminated = once(process, 'SIGTERM');

/** A resource that handlers need until their end. */
@Injectable()
class Database implements OnModuleDestroy {
  open = true;

  onModuleDestroy(): void {
    say('database closed');
    this.open = false;
  }
}

@Module({ providers: [Database], exports: [Database] })
class DatabaseModule {}

@Injectable()
class Billing {
  private inFlight = 0;

  constructor(
    private readonly database: Database,
    private readonly publisher: ConfirmingPublisher,
  ) {}

  @AmqpConsumer(queue, { prefetch: Number(expected) })
  async onOrder(@Payload() order: number): Promise<void> {
    say(`begun ${order}`);
    if (++this.inFlight === Number(expected)) say('all in flight');
    await terminated;
    // Every tenth handler never ends.
    if (order % 10 === 0) await new Promise<never>(() => {});
    await delay(order % 200);
    await this.publisher.sendToQueue(done, order);
    say(this.database.open ? `handled ${order}` : `handled without a database ${order}`);
  }
}

@Module({
  imports: [DatabaseModule, AmqpModule.forRoot({ url, gracePeriod: 3_000 })],
  providers: [Billing],
})
class AppModule {}

const logger = false;

async function start(): Promise<INestApplicationContext> {
  if (process.argv[2] === 'standalone') return NestFactory.createApplicationContext(AppModule, { logger });
  const app = await NestFactory.create(AppModule, { logger });
  if (process.argv[2] === 'hybrid') {
    app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });
    await app.startAllMicroservices();
  }
  await app.listen(0, '127.0.0.1');
  return app;
}

const app = await start();
app.enableShutdownHooks();
