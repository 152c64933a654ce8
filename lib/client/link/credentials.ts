import { types } from 'node:util';
import { onAbort, untilAborted, type Clock } from '../../environment/index.js';
import { namesOf, OBJECT, unknownOption } from '../../option-names/index.js';
import { ConfigurationError, CredentialsError } from '../errors.js';
import { textOf } from '../text-of.js';

/** A login. Credentials appear in no error, log line or inspected object. */
export interface Credentials {
  /** Name of the user. With an access token, RabbitMQ reads the user from the token. */
  readonly username: string;
  /** The password, or an access token. */
  readonly password: string;
}

/** Credentials with an end, such as an access token as the password (https://www.rabbitmq.com/docs/oauth2). */
export interface ExpiringCredentials extends Credentials {
  /**
   * The time after which the broker refuses the password: a Date, or milliseconds since 1970 (the claim `exp` of a JWT
   * is in seconds). The client compares it with this machine's clock. Default: the credentials do not expire.
   */
  readonly expiresAt?: Date | number | undefined;
}

/**
 * Returns the credentials for a login, or for a renewal.
 *
 * @param context.signal aborted when nobody waits for the credentials any more: after `connectTimeout`, or when the
 *   connection closes
 */
export type CredentialsProvider = (context: {
  readonly signal: AbortSignal;
}) => ExpiringCredentials | Promise<ExpiringCredentials>;

/** Checked credentials of a provider. */
export interface ProvidedCredentials extends Credentials {
  /** Wall-clock time, ms since 1970; Infinity for credentials that do not expire. */
  readonly expiresAt: number;
}

const LOGIN = namesOf({ username: 0, password: 0 } satisfies Record<keyof Credentials, 0>);
const EXPIRING = namesOf({ username: 0, password: 0, expiresAt: 0 } satisfies Record<keyof ExpiringCredentials, 0>);

/** Times before this one, in 1973, are seconds by mistake. */
const EARLIEST_TIME = 1e11;

/**
 * Asks a provider for credentials.
 *
 * @param limits.timeout ms
 * @param limits.signal ends the wait with its reason
 * @throws CredentialsError if the provider fails, does not answer in time or returns expired credentials;
 *   ConfigurationError if it returns anything else; the signal's reason
 */
export async function fetchCredentials(
  provider: CredentialsProvider,
  clock: Clock,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<ProvidedCredentials> {
  signal.throwIfAborted();
  const over = new AbortController();
  const late = new CredentialsError(`credentials: the function returned none within ${timeout} ms`);
  const cancel = clock.after(timeout, () => over.abort(late));
  const unwatch = onAbort(signal, () => over.abort(signal.reason));
  try {
    return unexpired(await untilAborted(ask(provider, over.signal), over.signal), clock);
  } catch (error) {
    // A provider that heeds its signal may reject first.
    throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    cancel();
    unwatch();
  }
}

/**
 * The provider is user code. Its error is quoted, but is no cause of the thrown one: errors of HTTP clients carry the
 * request with its secrets.
 */
async function ask(provider: CredentialsProvider, signal: AbortSignal): Promise<ProvidedCredentials> {
  let returned: ExpiringCredentials;
  let given: ExpiringCredentials;
  try {
    returned = await provider({ signal });
    given = { username: returned?.username, password: returned?.password, expiresAt: returned?.expiresAt };
  } catch (thrown) {
    throw new CredentialsError(`credentials: the function failed with ${textOf(thrown)}`);
  }
  const what = 'credentials: the function returned no login';
  refuseUnknown(what, returned, EXPIRING);
  checkCredentials(what, given, EXPIRING);
  return { username: given.username, password: given.password, expiresAt: timeOf(given.expiresAt) };
}

/** @param what owner of the credentials, for errors @throws ConfigurationError, without the values */
export function checkCredentials(what: string, credentials: Credentials, known = LOGIN): void {
  refuseUnknown(what, credentials, known);
  const { username, password } = Object(credentials) as Partial<Credentials>;
  if (typeof username !== 'string') throw new ConfigurationError(`${what}: username must be a string`);
  if (typeof password !== 'string') throw new ConfigurationError(`${what}: password must be a string`);
}

/** A misspelt `expiresAt` would never be renewed. */
function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = OBJECT.fits(given) ? unknownOption(given, known) : undefined;
  if (unknown !== undefined) throw new ConfigurationError(`${what}: ${unknown}`);
}

function timeOf(expiresAt: ExpiringCredentials['expiresAt']): number {
  if (expiresAt === undefined) return Infinity;
  const time = typeof expiresAt === 'number' ? expiresAt : types.isDate(expiresAt) ? expiresAt.getTime() : NaN;
  if (time >= EARLIEST_TIME) return time;
  throw new ConfigurationError(
    'credentials: expiresAt must be a Date or milliseconds since 1970 (the claim exp of a JWT is in seconds)',
  );
}

function unexpired(credentials: ProvidedCredentials, clock: Clock): ProvidedCredentials {
  const now = clock.wallTime();
  if (credentials.expiresAt > now) return credentials;
  const ago = Math.round(now - credentials.expiresAt);
  throw new CredentialsError(`credentials: the function returned credentials that expired ${ago} ms ago`);
}
