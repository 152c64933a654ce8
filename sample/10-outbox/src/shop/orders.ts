import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';

export interface Order {
  readonly id: string;
  readonly cents: number;
}

/** An order may cost this much. */
const LIMIT = 100_000;

@Injectable()
export class Orders implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.database.query('CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, cents integer NOT NULL)');
  }

  /** Stores an order, and publishes it if it is stored. @throws Error if the order is too expensive */
  async place(order: Order): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query('INSERT INTO orders (id, cents) VALUES ($1, $2)', [order.id, order.cents]);
      const message = { exchange: 'sample-10.orders', routingKey: 'order.placed', payload: order };
      await this.outbox.add(tx, order.id, message);
      if (order.cents > LIMIT) throw new Error(`order ${order.id} is too expensive`);
    });
  }
}
