import type { CheckLogin } from '../../../lib/broker/index.js';
import type { CredentialsProvider, ExpiringCredentials } from '../../../lib/client/index.js';
import { Rate, type Oracle } from '../engine/oracle.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import { UserError } from './promises.js';
import type { CoreSettings, TokenFault } from './steps.js';

/** Calls of `credentials` that one connection may make within a minute. */
const CALLS_A_MINUTE = 300;

/** Time after the end of a token in which the client must have left its connection, ms: timers are whole ms. */
export const EXPIRY_SLACK = 2;

/** What every token contains, and no log line. */
const SECRET = 's3cret';

/** Issues the tokens of all connections, and checks them for the broker. The user of a token is the connection's name. */
export class Tokens {
  /** The behaviour of providers; undefined for a good one. */
  private fault: TokenFault | undefined;
  private faultUntil = 0;
  private count = 0;
  /** By connection: the latest end of the tokens that the broker has accepted. */
  private readonly accepted = new Map<string, number>();
  private readonly calls = new Map<string, Rate>();
  /** Called when the last accepted token of a connection has expired. */
  onExpired: (connection: string) => void = () => {};

  constructor(
    private readonly clock: VirtualClock,
    private readonly oracle: Oracle,
    private readonly settings: CoreSettings['tokens'],
  ) {}

  /** Makes providers misbehave for `ms`. */
  breakDown(fault: TokenFault, ms: number): void {
    [this.fault, this.faultUntil] = [fault, this.clock.now + ms];
  }

  recover(): void {
    this.faultUntil = 0;
  }

  /** Returns a new token. */
  issue(connection: string): ExpiringCredentials & { readonly expiresAt: number } {
    const expiresAt = this.wallTime() + (this.settings?.lifetime ?? 0);
    return { username: connection, password: `${SECRET}/${++this.count}/${expiresAt}`, expiresAt };
  }

  /** Decides about logins and new secrets. The auditor logs in as guest. */
  readonly check: CheckLogin = (user, password) => {
    if (user === 'guest') return password === 'guest';
    const [secret, , end] = password.split('/');
    const expiresAt = Number(end);
    if (secret !== SECRET || !(expiresAt > this.wallTime())) return false;
    this.oracle.count('token accepted');
    // A socket that the client has left may bring an older token late.
    this.accepted.set(user, Math.max(expiresAt, this.accepted.get(user) ?? 0));
    this.clock.in(expiresAt - this.wallTime() + EXPIRY_SLACK, () => {
      if (this.accepted.get(user) === expiresAt) this.onExpired(user);
    });
    return this.settings?.closes ? { expiresAt } : true;
  };

  /** The function `credentials` of a connection. */
  provider(connection: string): CredentialsProvider {
    return async () => {
      const { clock, oracle } = this;
      oracle.count('token asked for');
      const rate = this.calls.get(connection) ?? new Rate(CALLS_A_MINUTE, 60_000);
      this.calls.set(connection, rate);
      const count = rate.hit(clock.now);
      if (count !== undefined) oracle.fail('storm', `${connection}: ${count} calls of credentials within a minute`);
      const fault = clock.now < this.faultUntil ? this.fault : undefined;
      switch (fault) {
        case 'throws':
          throw new UserError('the issuer is down');
        case 'hangs':
          return new Promise(() => {});
        case 'slow':
          await new Promise<void>((resolve) => void clock.in(300, resolve));
          return this.issue(connection);
        case 'expired':
          return { ...this.issue(connection), expiresAt: this.wallTime() - 1 };
        case 'refused': {
          const { username, expiresAt } = this.issue(connection);
          return { username, password: 'unknown', expiresAt };
        }
        default:
          return this.issue(connection);
      }
    };
  }

  /** Checks a log line. */
  onLogged(connection: string, line: string): void {
    this.oracle.check(!line.includes(SECRET), 'secret', () => `${connection} logs a password: ${line}`);
  }

  private wallTime(): number {
    return this.clock.for('simulation').wallTime();
  }
}
