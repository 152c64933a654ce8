import { NotFoundError } from '../errors.js';
import type { Obstacle } from './gate.js';

/** Maximum number of remembered exchanges. Beyond it, every exchange counts as existing. */
const MAX_EXCHANGES = 1_000;

/** Remembers the exchanges that were found since the channel opened. */
export class Exchanges {
  /** Exchanges to which publishes were confirmed. */
  private readonly confirmed = new Set<string>();
  private last: string | undefined;
  /** Exchanges that were checked, and to which messages may be published. */
  private found = new Set(['']);
  private looking: string | undefined;

  /**
   * @param find checks an exchange. Rejects with NotFoundError if it is missing. Any other error that prevents the
   * check is left to the publish
   * @param onAnswer called at the end of each check, with the error for a missing exchange
   */
  constructor(
    private readonly find: (exchange: string) => Promise<void>,
    private readonly onAnswer: (exchange: string, missing: NotFoundError | undefined) => void,
  ) {}

  /** The exchange that is being checked. */
  get sought(): string | undefined {
    return this.looking;
  }

  /** Records that a publish to the exchange was confirmed. Called for each confirm. */
  onConfirmed(exchange: string): void {
    if (exchange === this.last) return;
    this.last = exchange;
    if (this.confirmed.size < MAX_EXCHANGES) this.confirmed.add(exchange);
  }

  /** Returns true if a publish to the exchange was confirmed. */
  existed(exchange: string): boolean {
    return this.confirmed.has(exchange) || this.confirmed.size === MAX_EXCHANGES;
  }

  /** Checks an exchange that is not known to exist. @returns the reason why a publish to it has to wait */
  lookFor(exchange: string): Obstacle | undefined {
    if (this.found.has(exchange)) return undefined;
    if (this.looking === undefined) void this.search(exchange, this.found);
    return { kind: 'soon', reason: `the broker has not said whether exchange '${exchange}' is there` };
  }

  /** Called when the channel is lost. */
  forget(): void {
    this.confirmed.clear();
    this.last = undefined;
    this.found = new Set(['']);
  }

  private async search(exchange: string, found: Set<string>): Promise<void> {
    this.looking = exchange;
    let missing: NotFoundError | undefined;
    try {
      await this.find(exchange);
      if (found.size > MAX_EXCHANGES) found.clear();
      found.add('').add(exchange);
    } catch (error) {
      if (error instanceof NotFoundError) missing = error;
      else found.add(exchange);
    }
    this.looking = undefined;
    this.onAnswer(exchange, missing);
  }
}
