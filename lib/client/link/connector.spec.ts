import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from './connection-options.js';
import { connectToAny, type Former } from './connector.js';
import { parseUri } from './uri.js';

const HOSTS = ['a', 'b', 'c'];

/** The hosts, in the order in which they are asked; each refuses at once. */
async function asked(former?: Former): Promise<string[]> {
  const hosts: string[] = [];
  const options = resolveOptions({
    urls: HOSTS.map((host) => `amqp://${host}`),
    createSocket: ({ host }) => {
      hosts.push(host);
      return Promise.reject(new Error(`${host} refuses`));
    },
    // Leaves them in the order in which they are given.
    random: { next: () => 0.999_999, bytes: (size) => Buffer.alloc(size) },
  });
  const error: unknown = await connectToAny(options, new AbortController().signal, former).catch((e: unknown) => e);
  expect(String(error)).toContain(`${hosts.at(-1)} refuses`);
  return hosts;
}

describe('connectToAny', () => {
  it('B2 tries every host once, and fails with the error of the last', async () => {
    expect(await asked()).toEqual(HOSTS);
  });

  it('B2 gives the host that was good the first turn, and the one that has stopped answering the last', async () => {
    expect(await asked({ endpoint: parseUri('amqp://b:5672/else'), turn: 'first' })).toEqual(['b', 'a', 'c']);
    expect(await asked({ endpoint: parseUri('amqp://a'), turn: 'last' })).toEqual(['b', 'c', 'a']);
    expect(await asked({ endpoint: parseUri('amqp://gone'), turn: 'first' })).toEqual(HOSTS);
  });

  it('B2 ends with the signal, whatever is under way', async () => {
    const stop = new AbortController();
    const options = resolveOptions({ urls: ['amqp://a', 'amqp://b'], createSocket: () => new Promise(() => {}) });
    const connected = connectToAny(options, stop.signal);
    stop.abort(new Error('enough'));
    await expect(connected).rejects.toThrow('enough');
  });
});
