import { Logger } from '@nestjs/common';
import { PgBoss, type ConstructorOptions, type Db } from 'pg-boss';
import type { Transaction } from './database.js';

/**
 * Returns a pg-boss, which is not started yet. It creates its tables in `schema` when it starts.
 *
 * @see https://pgboss.io/api/constructor
 */
export function bossOf(schema: string, options: ConstructorOptions = {}): PgBoss {
  const connectionString = process.env['DATABASE_URL'] ?? '';
  const boss = new PgBoss({ connectionString, schema, schedule: false, max: 4, ...options });
  const logger = new Logger(schema);
  boss.on('error', (error) => logger.error(error.message));
  boss.on('warning', ({ message }) => logger.warn(message));
  return boss;
}

/** Has pg-boss write in the caller's transaction. Drizzle, Kysely, Knex and Prisma: https://pgboss.io/api/adapters */
export function through(tx: Transaction): Db {
  return { executeSql: (sql, values) => tx.query(sql, values) };
}
