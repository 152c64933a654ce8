import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AmqpConsumer, AmqpContext, Ctx, Payload } from 'nest-amqp';
import { Database } from '../database/database.js';
import { Inbox } from '../inbox/inbox.js';
import type { Order } from '../shop/orders.js';

@Injectable()
export class Billing implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly inbox: Inbox,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.database.query('CREATE TABLE IF NOT EXISTS bills ("order" text NOT NULL, cents integer NOT NULL)');
  }

  /** Bills an order once, however often its message arrives: a duplicate is acknowledged and skipped. */
  @AmqpConsumer('sample-10.billing')
  async onOrder(@Payload() order: Order, @Ctx() { properties }: AmqpContext): Promise<void> {
    await this.database.transaction(async (tx) => {
      if (!(await this.inbox.isNew(tx, properties.messageId))) return;
      await tx.query('INSERT INTO bills ("order", cents) VALUES ($1, $2)', [order.id, order.cents]);
    });
    // Returns after the commit, so the message is acknowledged after it.
  }
}
