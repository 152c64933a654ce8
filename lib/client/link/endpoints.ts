import { systemRandom, type Random } from '../../environment/index.js';
import { ConfigurationError } from '../errors.js';
import { foreignError } from '../foreign-error.js';
import type { Urls } from './connection-options.js';
import { parseUri, type Endpoint } from './uri.js';

/** Returns the brokers in random order, since clients that all start with the first one would all connect to it. */
export async function resolveEndpoints(urls: Urls, random: Pick<Random, 'next'> = systemRandom): Promise<Endpoint[]> {
  const given = typeof urls === 'function' ? await found(urls) : urls;
  if (typeof given !== 'string' && !Array.isArray(given)) {
    throw new ConfigurationError('urls must be an AMQP URI, a list of URIs, or a function that returns them');
  }
  const list = typeof given === 'string' ? [given] : [...(given as readonly string[])];
  if (list.length === 0) throw new ConfigurationError('urls is empty: give at least one AMQP URI');
  return shuffle(list.map(parseUri), random);
}

async function found(urls: Extract<Urls, () => unknown>): Promise<string | readonly string[]> {
  try {
    return await urls();
  } catch (thrown) {
    throw foreignError(thrown, 'urls');
  }
}

function shuffle<T>(items: T[], random: Pick<Random, 'next'>): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
