import { Backoff, type Random } from '../../environment/index.js';
import type { Message } from './publish.js';

/** Times in a row that the channel is opened anew. */
const ATTEMPTS = 10;

/** ms, doubled each time and drawn with full jitter. */
const [FIRST_DELAY, MAX_DELAY] = [50, 5_000];

/** Routes remembered at most, then refusals are taken as they are. */
const MAX_ROUTES = 10_000;

/**
 * Tells the refusals (basic.nack) that a new channel ends from the others.
 *
 * A RabbitMQ channel looks up a quorum queue's leader when it first publishes to the queue. One that does so when the
 * leader has died and the next is not elected yet (a client that reconnects within milliseconds) keeps the dead one, and
 * is refused everything until that node is back: RabbitMQ 3.10 for as long as the channel lives. On a channel that opens
 * after the election all is well. A channel that has published to the queue before follows its leaders: what is refused
 * there has another reason, such as a full queue with `reject-publish`.
 */
export class Refusals {
  /** Exchanges and routing keys of which this generation of the channel has had a message taken. */
  private readonly taken = new Set<string>();
  /** Of the message that was taken last: most are like the one before. */
  private exchange: string | undefined;
  private routingKey: string | undefined;
  private planned = false;
  private attempts = 0;
  private cause: string | undefined;
  private readonly backoff: Backoff;

  /** @param renew opens the channel anew after `delay` ms. False: it does not */
  constructor(
    private readonly renew: (delay: number) => boolean,
    random: Random,
  ) {
    this.backoff = new Backoff(FIRST_DELAY, MAX_DELAY, random);
  }

  /** It runs for each confirm. */
  accepted(message: Message): void {
    if (message.routingKey === this.routingKey && message.exchange === this.exchange) return;
    this.exchange = message.exchange;
    this.routingKey = message.routingKey;
    if (this.taken.size >= MAX_ROUTES) return;
    const route = routeOf(message);
    this.taken.add(route);
    if (route === this.cause) this.startOver();
  }

  /** True when the channel is about to be opened anew for it. */
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

  /** The generation is over. */
  forget(): void {
    // One that ends without a plan is no further attempt.
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
