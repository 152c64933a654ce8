import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { bossOf, through } from '../database/boss.js';
import type { Transaction } from '../database/database.js';
import { messageId } from './message-id.js';
import { createOutbox, OUTBOX, OUTBOX_SCHEMA, type OutgoingMessage } from './outbox-queue.js';

/** Takes messages in the transactions of the application. It knows no broker; the relay publishes them. */
@Injectable()
export class Outbox implements OnModuleInit, OnApplicationShutdown {
  // The relay's pg-boss looks after the tables.
  private readonly boss = bossOf(OUTBOX_SCHEMA, { supervise: false });

  async onModuleInit(): Promise<void> {
    await this.boss.start();
    await createOutbox(this.boss);
  }

  /**
   * Adds a message, which is published if `tx` commits. Messages with the same `key` are published in order.
   *
   * @returns the id of the message
   */
  async add(tx: Transaction, key: string, message: OutgoingMessage): Promise<string> {
    const id = await this.boss.send(OUTBOX, message, { id: messageId(), singletonKey: key, db: through(tx) });
    if (id === null) throw new Error('the outbox did not take the message');
    return id;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.boss.stop();
  }
}
