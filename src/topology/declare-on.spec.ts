import { describe, expect, it } from '@jest/globals';
import { NotAllowedError, type Channel } from '../../lib/client/index.js';
import { declareOn } from './declare-on.js';
import { classicQueue } from './queues.js';

/** A connection that counts its channels. The broker answers at once. @param max channel-max */
function connectionOf(max = Infinity, failing?: string) {
  const [used, open] = [new Map<Channel, string[]>(), new Set<Channel>()];
  const openChannel = async (): Promise<Channel> => {
    if (open.size >= max) throw new NotAllowedError(`${max} channels are open`);
    const names: string[] = [];
    const channel = {
      queueDeclare: async (name: string) => {
        if (name === failing) throw new Error('refused');
        names.push(name);
      },
      close: async () => open.delete(channel),
    } as unknown as Channel;
    open.add(channel);
    used.set(channel, names);
    return channel;
  };
  const withScratchChannel = async <T>(work: (channel: Channel) => Promise<T>): Promise<T> => {
    const channel = await openChannel();
    try {
      return await work(channel);
    } finally {
      await channel.close();
    }
  };
  return { connection: { openChannel, withScratchChannel }, open, used };
}

const queuesOf = (count: number) => Array.from({ length: count }, (_, index) => classicQueue(`q${index}`));

describe('declareOn', () => {
  it.each([
    [0, 1],
    [10, 1],
    [11, 2],
    [1_000, 16],
  ])('declares %i queues on %i channels, and closes them', async (count, channels) => {
    const { connection, open, used } = connectionOf();
    await declareOn(connection, { queues: queuesOf(count) });
    expect(used.size).toBe(channels);
    expect(open.size).toBe(0);
    expect([...used.values()].flat().sort()).toEqual(
      queuesOf(count)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('is content with the channels that channel-max allows', async () => {
    const { connection, used } = connectionOf(3);
    await declareOn(connection, { queues: queuesOf(1_000) });
    expect(used.size).toBe(3);
    expect([...used.values()].flat()).toHaveLength(1_000);
  });

  it('leaves no channel open when the broker refuses a queue', async () => {
    const { connection, open } = connectionOf(Infinity, 'q17');
    await expect(declareOn(connection, { queues: queuesOf(100) })).rejects.toThrow("Cannot declare queue 'q17'");
    expect(open.size).toBe(0);
  });

  it.each(['verify', 'none'] as const)('opens one channel with %s', async (declare) => {
    const { connection, used } = connectionOf();
    await declareOn(connection, { declare, queues: queuesOf(100) });
    expect(used.size).toBe(1);
  });
});
