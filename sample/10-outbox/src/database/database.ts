import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Pool, type PoolClient } from 'pg';

/** A database connection inside a transaction. */
export type Transaction = PoolClient;

/** The PostgreSQL of `DATABASE_URL`. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly pool = new Pool({ connectionString: process.env['DATABASE_URL'] });

  constructor() {
    // An idle connection that breaks; the pool replaces it.
    this.pool.on('error', (error) => this.logger.warn(error.message));
  }

  /** Commits what `work` writes when it resolves, and rolls it back when it rejects. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const tx = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await tx.query('BEGIN');
      const result = await work(tx);
      await tx.query('COMMIT');
      return result;
    } catch (error) {
      await tx.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      // The pool closes a connection that is released with an error.
      tx.release(broken);
    }
  }

  /** Runs one statement in a transaction of its own. */
  async query<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, values)).rows;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
