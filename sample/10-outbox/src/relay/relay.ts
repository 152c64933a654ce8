import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ConfirmingPublisher } from 'nest-amqp';
import type { Job, JobResult } from 'pg-boss';
import { bossOf } from '../database/boss.js';
import { createOutbox, OUTBOX, OUTBOX_SCHEMA, PUBLISH_TIMEOUT, type OutgoingMessage } from '../outbox/outbox-queue.js';

/** Publishes what the outbox has. The broker's confirm is the proof with which a message leaves the outbox. */
@Injectable()
export class Relay implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Relay');
  private readonly boss = bossOf(OUTBOX_SCHEMA, {
    useListenNotify: true,
    // Seconds between two looks for messages whose relay was killed.
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
  });
  private worker = '';

  constructor(private readonly publisher: ConfirmingPublisher) {}

  async onModuleInit(): Promise<void> {
    await this.boss.start();
    await createOutbox(this.boss);
  }

  async onApplicationBootstrap(): Promise<void> {
    const options = { batchSize: 100, perJobResults: true, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 };
    this.worker = await this.boss.work<OutgoingMessage>(OUTBOX, options, (jobs) => this.publishAll(jobs));
  }

  /** Finishes the messages that are under way, while the publisher is still open. */
  async onModuleDestroy(): Promise<void> {
    await this.boss.stop();
  }

  private async publishAll(jobs: Job<OutgoingMessage>[]): Promise<JobResult[]> {
    const results = await Promise.all(jobs.map((job) => this.publish(job)));
    // The next messages of these keys need not wait for the next poll.
    this.boss.notifyWorker(this.worker);
    return results;
  }

  private async publish({ id, data }: Job<OutgoingMessage>): Promise<JobResult> {
    const { exchange, routingKey, payload } = data;
    try {
      // Resolves with the confirm. Rejects if no queue gets the message.
      await this.publisher.publish(exchange, routingKey, payload, { messageId: id, timeout: PUBLISH_TIMEOUT });
      return { id, status: 'completed' };
    } catch (error) {
      const { name, message } = error as Error;
      this.logger.warn(`Message ${id} stays in the outbox: ${message}`);
      return { id, status: 'failed', output: { name, message } };
    }
  }
}
