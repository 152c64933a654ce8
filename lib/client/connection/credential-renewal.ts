import { Backoff, onAbort, pause } from '../../environment/index.js';
import { ConnectionLostError, type AmqpError } from '../errors.js';
import { DEFAULT_CONNECT_TIMEOUT, reconnectDefaults, type ResolvedOptions } from '../link/connection-options.js';
import { fetchCredentials, type CredentialsProvider } from '../link/credentials.js';
import type { Link } from '../link/link.js';
import type { PendingCalls } from '../link/pending-calls.js';
import type { Report } from '../safe-emitter.js';
import type { ConnectionEvents } from './connection-events.js';

/** The part of their lifetime after which credentials are renewed. Clients that start together renew at different times. */
const RENEW_AFTER = { least: 0.7, most: 0.8 } as const;

/** The shortest wait in ms before a renewal, for a provider whose credentials have hardly any lifetime left. */
const SHORTEST_WAIT = 1_000;

/** Number of failed renewals in a row that are logged. */
const LOGGED_FAILURES = 3;

/** No wait of a renewal keeps the process alive: the socket does. */
const BESIDE_SOCKET = { keepAlive: false } as const;

/** The part of a connection that renewals use. */
interface RenewalHost {
  readonly options: ResolvedOptions;
  readonly control: Pick<PendingCalls, 'call'>;
}

/**
 * Renews the credentials of each link of a connection before they expire. It has the only timers for this, and they end
 * with the link:
 *
 *     valid ──(70 to 80 % of the lifetime)──▶ renewing ──(update-secret-ok)──▶ valid
 *                                              │   ▲
 *                                      (failed)│   │(backoff)
 *                                              ▼   │
 *                                             failing
 *
 * From each state: when the credentials expire, the link is left, and the connection reconnects with others.
 */
export class CredentialRenewal {
  private lastFailure: AmqpError | undefined;
  /** Aborted when the present link needs no more renewals. */
  private over: AbortController | undefined;

  constructor(
    private readonly host: RenewalHost,
    private readonly report: Report<ConnectionEvents>,
  ) {}

  /** The error of the last renewal; undefined if the last renewal, or the login, has succeeded. */
  get failure(): AmqpError | undefined {
    return this.lastFailure;
  }

  /** Renews the credentials of a new link until its end. */
  begin(link: Link): void {
    this.lastFailure = undefined;
    const { credentials } = this.host.options;
    // The link may have ended in the turn in which it opened.
    if (!link.provided || typeof credentials !== 'function' || !link.alive) return;
    const over = (this.over = new AbortController());
    onAbort(link.ended, () => over.abort(link.ended.reason));
    void this.keep(link, credentials, link.provided.expiresAt, over.signal);
  }

  /** Ends the renewals, since nothing may follow connection.close. */
  end(reason: Error): void {
    this.over?.abort(reason);
  }

  /** @param expiresAt wall-clock time, ms */
  private async keep(link: Link, provider: CredentialsProvider, expiresAt: number, over: AbortSignal): Promise<void> {
    const { clock, random } = this.host.options;
    const { least, most } = RENEW_AFTER;
    for (let end = expiresAt; !over.aborted && end < Infinity;) {
      const lifetime = end - clock.wallTime();
      const cancel = clock.after(lifetime, () => this.expire(link), BESIDE_SOCKET);
      const unwatch = onAbort(over, cancel);
      const wait = lifetime * (least + (most - least) * random.next());
      await pause(clock, Math.max(wait, SHORTEST_WAIT), over, BESIDE_SOCKET);
      end = await this.renew(provider, over);
      cancel();
      unwatch();
    }
  }

  /** Tries until a renewal succeeds, or is no longer wanted. @returns the time at which the new credentials expire */
  private async renew(provider: CredentialsProvider, over: AbortSignal): Promise<number> {
    const { clock, random, reconnect } = this.host.options;
    const { initialDelay, maxDelay } = reconnect || reconnectDefaults;
    const backoff = new Backoff(initialDelay, maxDelay, random);
    for (let failures = 1; !over.aborted; failures++) {
      try {
        return await this.renewOnce(provider, over);
      } catch (error) {
        if (over.aborted) break;
        const delay = backoff.next();
        this.fail(error as AmqpError, delay, failures);
        await pause(clock, delay, over, BESIDE_SOCKET);
      }
    }
    return Infinity;
  }

  private async renewOnce(provider: CredentialsProvider, signal: AbortSignal): Promise<number> {
    const { options, control } = this.host;
    const { clock, logger, connectTimeout: timeout = DEFAULT_CONNECT_TIMEOUT } = options;
    const { password, expiresAt } = await fetchCredentials(provider, clock, { timeout, signal });
    const newSecret = Buffer.from(password);
    await control.call('connection.updateSecret', { newSecret, reason: 'the credentials expire soon' }, { signal });
    this.lastFailure = undefined;
    logger.debug?.('the credentials are renewed');
    this.report('credentialsRenewed');
    return expiresAt;
  }

  private fail(error: AmqpError, delay: number, failures: number): void {
    this.lastFailure = error;
    const last = failures === LOGGED_FAILURES ? ', further failures are not logged' : '';
    const line = `renewing the credentials failed: ${error.message}; next attempt in ${Math.round(delay)} ms${last}`;
    if (failures <= LOGGED_FAILURES) this.host.options.logger.warn(line);
    this.report('renewalFailed', error, delay);
  }

  private expire(link: Link): void {
    const { lastFailure: cause } = this;
    const reason = cause ? `: ${cause.message}` : '';
    const message = `${link.describe()}: the credentials have expired and were not renewed${reason}`;
    link.leave('the credentials have expired', new ConnectionLostError(message, 'unknown', { cause }));
  }
}
