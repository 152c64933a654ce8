import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { bossOf, through } from '../database/boss.js';
import type { Transaction } from '../database/database.js';

const INBOX = 'inbox';

/** Knows the ids of the messages that the service has handled, in the database of the service. */
@Injectable()
export class Inbox implements OnModuleInit, OnApplicationShutdown {
  private readonly boss = bossOf('billing_inbox');

  async onModuleInit(): Promise<void> {
    await this.boss.start();
    // A duplicate that comes later than this is handled again.
    await this.boss.createQueue(INBOX, { deleteAfterSeconds: 30 * 24 * 60 * 60 });
  }

  /**
   * Records the id, with the other writes of `tx`.
   *
   * @returns false if the message was handled before. If another process is just handling it, the call waits for the end of
   * that transaction.
   */
  async isNew(tx: Transaction, messageId: string | undefined): Promise<boolean> {
    if (messageId === undefined) throw new Error('a message without an id');
    const db = through(tx);
    // The id is the primary key. It is a job that nobody has to do, so it is completed at once.
    const id = await this.boss.send(INBOX, null, { id: messageId, db });
    if (id !== null) await this.boss.complete(INBOX, id, null, { db, includeQueued: true });
    return id !== null;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.boss.stop();
  }
}
