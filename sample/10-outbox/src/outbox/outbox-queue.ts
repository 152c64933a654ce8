import type { PgBoss } from 'pg-boss';

/** Schema of the outbox's tables. */
export const OUTBOX_SCHEMA = 'shop_outbox';

/** Name of the queue of pg-boss that is the outbox. */
export const OUTBOX = 'outbox';

/** A row of the outbox: a message, and where it goes. Its id is the job's id. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly payload: unknown;
}

/** Time until the broker must have confirmed a message, ms. */
export const PUBLISH_TIMEOUT = 5_000;

const TEN_YEARS = 10 * 365 * 24 * 60 * 60;

/** Creates the outbox, unless it exists. */
export async function createOutbox(boss: PgBoss): Promise<void> {
  await boss.createQueue(OUTBOX, {
    // Messages with the same key leave in order, one at a time.
    policy: 'key_strict_fifo',
    // A commit wakes the relay.
    notify: true,
    // A message never leaves the outbox unpublished: by default pg-boss gives up after two retries, or 14 days.
    retryLimit: 2 ** 31 - 1,
    retryDelay: 1,
    retentionSeconds: TEN_YEARS,
    // The messages of a relay that was killed are relayed again after this time. Longer than PUBLISH_TIMEOUT, so that they are
    // not relayed twice at the same time.
    expireInSeconds: 10,
    // Published messages stay for a day, to look at.
    deleteAfterSeconds: 24 * 60 * 60,
  });
}
