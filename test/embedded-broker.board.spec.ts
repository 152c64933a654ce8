import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { classicQueue } from 'nest-amqp';
import type { ShownParked } from '../src/board/parked/parked-queues.js';
import { startBoard } from './nest/support/board-harness.js';
import { useNest } from './nest/support/nest-harness.js';

const PARKED = 100_000;
/** Bytes of a body. All bodies together have four times the memory that a look may take. */
const SIZE = 4_000;
const MAX_MEMORY = 100_000_000;

/** Returns the memory of this process in bytes: objects, and bodies, which are outside of the heap. */
const memory = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

describe('the board with many parked messages', () => {
  const nest = useNest();

  it('shows the first page of 100,000 within bounded memory, and further pages without the broker', async () => {
    const queue = nest.name();
    const parked = `${queue}.parked`;
    nest.sweep(parked);
    const board = await startBoard(nest, { amqp: { topology: { queues: [classicQueue(queue)] } } });
    await nest.channel.queueDeclare(parked);
    const body = Buffer.alloc(SIZE, 'x');
    for (let sent = 0; sent < PARKED; sent += 5_000) {
      const messages = Array.from({ length: 5_000 }, (_, index) => ({ messageId: `m-${sent + index}` }));
      await Promise.all(messages.map((properties) => nest.channel.publish('', parked, body, properties)));
    }
    const page = (query: object): Promise<ShownParked> => {
      const all = { connection: 'default', queue, limit: '50', ...query };
      return board.read(`/amqp/api/parked?${new URLSearchParams(all).toString()}`);
    };
    const before = memory();
    let most = before;
    const sampling = setInterval(() => (most = Math.max(most, memory())), 5);
    const first = await page({});
    clearInterval(sampling);
    expect(first).toMatchObject({ total: PARKED, seen: 10_000, count: 10_000 });
    expect(first.messages).toHaveLength(50);
    expect(most - before).toBeLessThan(MAX_MEMORY);
    // Nobody can read the queue any more: the page comes from the look of before.
    await nest.channel.queueDelete(parked);
    const last = await page({ offset: '9950' });
    expect(last).toMatchObject({ at: first.at, total: PARKED });
    expect(last.messages).toHaveLength(50);
    expect(last.messages).not.toContainEqual(first.messages[0]);
  });
});
