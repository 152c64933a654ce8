import { Buffer } from 'node:buffer';
import { nameErrors } from '../../../lib/shown/index.js';
import { ConfigurationError } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';

/** Ms for one answer. */
const TIMEOUT = 3_000;

const HINTS: Readonly<Record<number, string>> = {
  401: 'it refuses the credentials (401); the user needs the tag monitoring or management',
  403: 'the user may not ask for this (403)',
  404: 'it knows no such virtual host, or this address is not the management API (404)',
};

/** RabbitMQ's management API gave no answer. The text has no credentials. */
export class ManagementError extends Error {}

/**
 * Requests to the HTTP API of RabbitMQ's management plugin (https://www.rabbitmq.com/docs/management#http-api). The credentials
 * of the URL are sent as a header, and are in no error.
 */
export class ManagementApi {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param url `http://user:password@host:15672`, also with a path in front of `/api`
   * @throws ConfigurationError that does not repeat the URL
   */
  constructor(
    where: string,
    url: string,
    private readonly clock: Pick<Clock, 'after'>,
  ) {
    const given = URL.canParse(url) ? new URL(url) : undefined;
    if (given?.protocol !== 'http:' && given?.protocol !== 'https:') {
      throw new ConfigurationError(`${where} must be a URL such as http://user:password@host:15672`);
    }
    const { username, password } = given;
    const login = Buffer.from(`${plain(username)}:${plain(password)}`).toString('base64');
    this.#headers = username === '' ? {} : { authorization: `Basic ${login}` };
    // fetch() refuses a URL with credentials, in an error that repeats it.
    this.#base = new URL(`${given.origin}${given.pathname.replace(/\/*$/, '/')}`);
  }

  /**
   * Asks for a list. The name of the virtual host has to be encoded, as in `bindings/%2F`.
   *
   * @throws ManagementError
   */
  async list(path: string, signal?: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const answer = await this.get(path, signal);
    // A page of a list has its entries in `items`.
    const { items = answer } = Object(answer) as { items?: unknown };
    const isList = Array.isArray(items) && items.every((one) => typeof one === 'object' && one !== null);
    if (!isList) throw new ManagementError('its answer is not a list');
    return items as Readonly<Record<string, unknown>>[];
  }

  private async get(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    const stop = new AbortController();
    const cancel = this.clock.after(TIMEOUT, () => stop.abort(), { keepAlive: false });
    const end = (): void => stop.abort();
    signal?.addEventListener('abort', end, { once: true });
    try {
      const options = { headers: this.#headers, redirect: 'error', signal: stop.signal } as const;
      const response = await fetch(new URL(`api/${path}`, this.#base), options);
      if (response.ok) return await response.json();
      await response.body?.cancel();
      throw new ManagementError(HINTS[response.status] ?? `it answers with status ${response.status}`);
    } catch (error) {
      if (error instanceof ManagementError) throw error;
      throw new ManagementError(stop.signal.aborted ? `no answer within ${TIMEOUT / 1_000} s` : describeError(error));
    } finally {
      cancel();
      signal?.removeEventListener('abort', end);
    }
  }
}

/** Decodes a part of a URL. A percent sign that encodes nothing is one. */
function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

nameErrors({ ManagementError });
