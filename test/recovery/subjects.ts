import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect } from '../../lib/client/index.js';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, quorumQueue } from '../../src/index.js';

/** Milliseconds between two publishes. */
const PACE = 50;

/** A client that publishes and consumes all the time, on connections with default options. */
export interface Subject {
  readonly name: string;
  /** Called with each confirm and each delivery until the subject is closed. */
  onFlow: (kind: Flow) => void;
  close(): Promise<void>;
}

export type Flow = 'confirm' | 'delivery';

/** Opens two connections of the core, one to publish and one to consume, as the Nest module does. */
export async function coreSubject(url: string): Promise<Subject> {
  const [publishing, consuming] = [await connect(url), await connect(url)];
  const publisher = await publishing.openChannel({ confirm: true });
  const consumer = await consuming.openChannel({ prefetch: 10 });
  const queue = 'recovery.core';
  await consumer.queueDeclare(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await consumer.basicConsume(queue, (delivery) => {
    subject.onFlow('delivery');
    delivery.ack();
  });
  const stop = publishAgainAndAgain(
    () => publisher.publish('', queue, 'x', { deliveryMode: 2, mandatory: true }),
    () => subject.onFlow('confirm'),
  );
  const subject: Subject = {
    name: 'core',
    onFlow: () => {},
    async close() {
      stop();
      await Promise.all([publishing.close(), consuming.close()]);
    },
  };
  return subject;
}

/** Creates an application with the module, a consumer and its publisher. */
export async function nestSubject(url: string): Promise<Subject> {
  const queue = 'recovery.nest';

  @Injectable()
  class Consumer {
    @AmqpConsumer(queue)
    take(): void {
      subject.onFlow('delivery');
    }
  }

  @Module({
    imports: [AmqpModule.forRoot({ url, topology: { queues: [quorumQueue(queue)] } })],
    providers: [Consumer],
  })
  class App {}

  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const publisher = app.get(ConfirmingPublisher, { strict: false });
  const stop = publishAgainAndAgain(
    () => publisher.sendToQueue(queue, 'x'),
    () => subject.onFlow('confirm'),
  );
  const subject: Subject = {
    name: 'Nest module',
    onFlow: () => {},
    async close() {
      stop();
      await app.close();
    },
  };
  return subject;
}

/**
 * Publishes repeatedly. A publish during an outage waits, or fails by its deadline or the loss; the next one follows in either
 * case.
 */
function publishAgainAndAgain(publish: () => Promise<unknown>, confirmed: () => void): () => void {
  const timer = setInterval(() => void publish().then(confirmed, () => {}), PACE);
  return () => clearInterval(timer);
}
