import { NotFoundError } from '../errors.js';
import type { Obstacle } from './gate.js';

/** Names of exchanges to remember; beyond it, every exchange counts as one that was there. */
const MAX_EXCHANGES = 1_000;

/** Remembers which of the exchanges that are published to were found since the channel opened. */
export class Exchanges {
  /** Publishes to them were confirmed. */
  private readonly confirmed = new Set<string>();
  private last: string | undefined;
  /** They were looked for, and may be published to. */
  private found = new Set(['']);
  private looking: string | undefined;

  /**
   * @param find looks for an exchange. Rejects with NotFoundError when it is missing; whatever else keeps it from looking,
   *   the publish itself will tell
   * @param onAnswer is told of each end of a search, with the error of an exchange that is missing
   */
  constructor(
    private readonly find: (exchange: string) => Promise<void>,
    private readonly onAnswer: (exchange: string, missing: NotFoundError | undefined) => void,
  ) {}

  /** The exchange that is being looked for. */
  get sought(): string | undefined {
    return this.looking;
  }

  /** A publish to it was confirmed. It runs for each confirm. */
  onConfirmed(exchange: string): void {
    if (exchange === this.last) return;
    this.last = exchange;
    if (this.confirmed.size < MAX_EXCHANGES) this.confirmed.add(exchange);
  }

  /** It was there: a publish to it was confirmed. */
  existed(exchange: string): boolean {
    return this.confirmed.has(exchange) || this.confirmed.size === MAX_EXCHANGES;
  }

  /** Looks for an exchange that is not known to be there. @returns why a publish to it has to wait */
  lookFor(exchange: string): Obstacle | undefined {
    if (this.found.has(exchange)) return undefined;
    if (this.looking === undefined) void this.search(exchange, this.found);
    return { kind: 'soon', reason: `the broker has not said whether exchange '${exchange}' is there` };
  }

  /** The channel is lost. */
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
