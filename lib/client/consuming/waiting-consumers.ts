import { Backoff } from '../../environment/index.js';
import { AccessRefusedError, ChannelError, NotFoundError, TimeoutError, type AmqpError } from '../errors.js';
import type { Consumer } from './consumer.js';
import type { ConsumingChannel, ConsumingConnection } from './consumer-set-host.js';

/** Assumed time in seconds in which the broker notices a dead connection, if there is no heartbeat. */
const ASSUMED_HEARTBEAT = 20;

/** Wait in ms between attempts to register a consumer that is locked out. It doubles, with full jitter. */
const [FIRST_DELAY, MAX_DELAY] = [50, 5_000];

interface Wait {
  readonly backoff: Backoff;
  /** Clock time, ms. */
  since: number;
  /** Clock time of the next attempt, ms. A channel that opens anew before makes no attempt. */
  nextAt: number;
}

/** The consumers of one channel that cannot be registered for now. They survive losses of the channel. */
export class WaitingConsumers {
  private readonly waits = new Map<Consumer, Wait>();

  constructor(
    private readonly channel: Pick<ConsumingChannel, 'heartbeat' | 'topology'>,
    private readonly connection: Pick<ConsumingConnection, 'options'>,
  ) {}

  has(consumer: Consumer): boolean {
    return this.waits.has(consumer);
  }

  /** @returns true if the consumer has waited */
  delete(consumer: Consumer): boolean {
    return this.waits.delete(consumer);
  }

  /** Returns the time until the next attempt, in ms. It is not positive for an attempt that is due. */
  delayOf(consumer: Consumer): number {
    return (this.waits.get(consumer)?.nextAt ?? 0) - this.now;
  }

  /** All waits begin anew: a locked queue may be free for the next connection, or locked by the lost one. */
  connectionLost(): void {
    for (const wait of this.waits.values()) wait.since = wait.nextAt = this.now;
  }

  /** Keeps a refused consumer until its next attempt if the refusal may pass. @returns false if it may not */
  keep(consumer: Consumer, error: AmqpError): boolean {
    const { now } = this;
    const wait = this.waits.get(consumer) ?? this.begin(now);
    if (!this.mayPass(consumer, error, now - wait.since)) return false;
    wait.nextAt = now + wait.backoff.next();
    this.waits.set(consumer, wait);
    return true;
  }

  private begin(now: number): Wait {
    return { backoff: new Backoff(FIRST_DELAY, MAX_DELAY, this.connection.options.random), since: now, nextAt: now };
  }

  /**
   * Another connection may own an exclusive queue for any time, and a silent broker may answer later. All other
   * refusals last until the broker has noticed that this client's old connection is dead: the old connection owns
   * exclusive queues and consumers, and a queue that was locked during its declaration may be missing when it is
   * consumed.
   *
   * @param waited ms
   */
  private mayPass({ options, queue }: Consumer, error: AmqpError, waited: number): boolean {
    if (error instanceof TimeoutError) return true;
    if (!(error instanceof ChannelError)) return false;
    if (error.recoverable) return true;
    if (waited > 3_000 * (this.channel.heartbeat || ASSUMED_HEARTBEAT)) return false;
    if (error instanceof NotFoundError) return this.channel.topology.hasQueue(queue);
    return options.exclusive === true && error instanceof AccessRefusedError;
  }

  private get now(): number {
    return this.connection.options.clock.now();
  }
}
