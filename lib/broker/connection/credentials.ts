import { ByteReader } from '../../protocol/bytes.js';
import { WireError } from '../../protocol/errors.js';
import { readTable } from '../../protocol/field-table.js';
import type { LoginVerdict, ResolvedBrokerOptions } from '../options.js';

/** The login of a client. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/**
 * Returns the time in ms since 1970 until which the login is valid; Infinity for no end; undefined if it is refused. A
 * list of users has no opinion about new secrets, as RabbitMQ's internal users: it accepts them.
 */
export function validUntil(
  { users, clock }: Pick<ResolvedBrokerOptions, 'users' | 'clock'>,
  { user, password }: Login,
  what: 'login' | 'new secret',
): number | undefined {
  if (typeof users !== 'function') {
    return what === 'new secret' || (Object.hasOwn(users, user) && users[user] === password) ? Infinity : undefined;
  }
  let verdict: LoginVerdict;
  try {
    verdict = users(user, password);
  } catch {
    return undefined;
  }
  const end = verdict === true ? Infinity : Number((Object(verdict) as { readonly expiresAt?: unknown }).expiresAt);
  return end > clock.wallTime() ? end : undefined;
}

/** The mechanisms that the broker offers (section 4.2.2; AMQPLAIN is RabbitMQ's own). */
export const mechanisms = ['PLAIN', 'AMQPLAIN'] as const;

/**
 * Reads the response of connection.start-ok. Returns undefined if it does not fit the mechanism, or the mechanism is
 * unknown.
 */
export function readLogin(mechanism: string, response: Uint8Array): Login | undefined {
  const bytes = Buffer.from(response);
  if (mechanism === 'PLAIN') {
    const [, user, password, ...more] = bytes.toString('utf8').split('\0');
    return user !== undefined && password !== undefined && more.length === 0 ? { user, password } : undefined;
  }
  return mechanism === 'AMQPLAIN' ? readAmqplain(bytes) : undefined;
}

/** Reads a table without its length. */
function readAmqplain(bytes: Buffer): Login | undefined {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  try {
    const { LOGIN: user, PASSWORD: password } = readTable(new ByteReader(Buffer.concat([length, bytes])));
    return typeof user === 'string' && typeof password === 'string' ? { user, password } : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
