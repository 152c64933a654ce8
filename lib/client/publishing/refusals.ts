import { Backoff, type Random } from '../../environment/index.js';
import type { Message } from './publish.js';

/** Number of consecutive times that the channel is opened anew. */
const ATTEMPTS = 10;

/** Wait in ms before the channel opens anew. It doubles each time, with full jitter. */
const [FIRST_DELAY, MAX_DELAY] = [50, 5_000];

/** Maximum number of remembered routes. Beyond it, refusals are final. */
const MAX_ROUTES = 10_000;

/**
 * Distinguishes the refusals (basic.nack) that end with a new channel from the others.
 *
 * A RabbitMQ channel looks up the leader of a quorum queue at its first publish to the queue. If the leader has died
 * and no other is elected yet (for a client that reconnects within milliseconds), the channel keeps the dead leader,
 * and all its publishes are refused until that node is back; on RabbitMQ 3.10 as long as the channel lives. A channel
 * that opens after the election works. A channel that has published to the queue before follows its leaders. A refusal
 * there has another reason, such as a full queue with `reject-publish`.
 */
export class Refusals {
  /** Exchanges and routing keys for which a message was confirmed in this generation of the channel. */
  private readonly taken = new Set<string>();
  /** The route of the last confirmed message, since most messages have the route of the one before. */
  private exchange: string | undefined;
  private routingKey: string | undefined;
  private planned = false;
  private attempts = 0;
  private cause: string | undefined;
  private readonly backoff: Backoff;

  /** @param renew opens the channel anew after `delay` ms. Returns false if it does not */
  constructor(
    private readonly renew: (delay: number) => boolean,
    random: Random,
  ) {
    this.backoff = new Backoff(FIRST_DELAY, MAX_DELAY, random);
  }

  /** Called for each confirm. */
  accepted(message: Message): void {
    if (message.routingKey === this.routingKey && message.exchange === this.exchange) return;
    this.exchange = message.exchange;
    this.routingKey = message.routingKey;
    if (this.taken.size >= MAX_ROUTES) return;
    const route = routeOf(message);
    this.taken.add(route);
    if (route === this.cause) this.startOver();
  }

  /** Returns true if the channel is about to be opened anew because of this refusal. */
  refused(message: Message): boolean {
    const route = routeOf(message);
    if (this.taken.size >= MAX_ROUTES || this.taken.has(route)) return false;
    if (this.planned) return true;
    if (this.attempts >= ATTEMPTS || !this.renew(this.backoff.next())) return false;
    this.attempts++;
    this.cause = route;
    this.planned = true;
    return true;
  }

  /** Called at the end of the generation. */
  forget(): void {
    // A generation that ends without a planned renewal is no attempt.
    if (!this.planned) this.startOver();
    this.planned = false;
    this.taken.clear();
    this.exchange = this.routingKey = undefined;
  }

  private startOver(): void {
    this.attempts = 0;
    this.cause = undefined;
    this.backoff.reset();
  }
}

const routeOf = ({ exchange, routingKey }: Message): string => `${exchange}\n${routingKey}`;
