import type { MethodArguments } from '../../protocol/types.js';
import { ConnectionError } from '../errors.js';
import { isRefusalOf } from '../refusal.js';

/** The arguments of a user's basic.qos. A basic.qos for a consumer with its own prefetch does not count. */
export class AskedPrefetch implements MethodArguments<'basic.qos'> {
  readonly prefetchSize = 0;

  /** @param prefetchCount 0 for no limit. @param global true for the whole channel, else for each later consumer */
  constructor(
    readonly prefetchCount: number,
    readonly global = false,
  ) {}
}

/**
 * The user's prefetches on one channel. The last one of each scope counts as soon as it is sent, since the broker
 * applies it to all later methods, even if nobody waits for the answer. A prefetch that the broker refuses does not
 * count any more, and the one before it does.
 */
export class Prefetches {
  /** Oldest first. */
  private asked: AskedPrefetch[] = [];
  /** Those of calls that wait until the channel is open, oldest first. */
  private readonly waiting = new Set<AskedPrefetch>();

  /** Records a prefetch that is being sent. */
  add(ask: AskedPrefetch): void {
    this.asked.push(ask);
  }

  /**
   * Records a prefetch while its call waits until the channel is open. @param call ends when the wait ends @throws the
   * error of the call
   */
  async holdWhile(ask: AskedPrefetch, call: Promise<void>): Promise<void> {
    this.waiting.add(ask);
    try {
      await call;
    } finally {
      this.waiting.delete(ask);
    }
  }

  /**
   * Updates the record with the broker's answer. @param call the basic.qos with this prefetch @throws the error of the
   * call
   */
  async follow(ask: AskedPrefetch, call: Promise<unknown>): Promise<void> {
    try {
      await call;
      this.agreed(ask);
    } catch (error) {
      this.failed(ask, error);
      throw error;
    }
  }

  /** Called when the broker has agreed. Earlier prefetches of the scope never count again. */
  private agreed(ask: AskedPrefetch): void {
    const at = this.asked.indexOf(ask);
    this.asked = this.asked.filter(({ global }, index) => index >= at || global !== ask.global);
  }

  /**
   * Called when the call has failed. @param error an error other than the broker's refusal changes nothing, since the
   * broker may have applied the prefetch
   */
  private failed(ask: AskedPrefetch, error: unknown): void {
    // RabbitMQ 4 closes the connection on a global prefetch.
    const costTheConnection = error instanceof ConnectionError && error.method === 'basic.qos';
    if (costTheConnection || isRefusalOf('basic.qos', error)) this.asked = this.asked.filter((other) => other !== ask);
  }

  /** The prefetch of consumers without one of their own; 0 for no limit. */
  get ofConsumers(): number {
    return this.last(false)?.prefetchCount ?? 0;
  }

  /** The prefetch of consumers that are added while calls wait: that of the last call before them. */
  get ofNewConsumers(): number {
    return [...this.waiting].findLast((ask) => !ask.global)?.prefetchCount ?? this.ofConsumers;
  }

  /** Returns the last prefetch of each scope, for a channel that opens anew. */
  get latest(): readonly AskedPrefetch[] {
    return [this.last(false), this.last(true)].filter((ask) => ask !== undefined);
  }

  private last(global: boolean): AskedPrefetch | undefined {
    return this.asked.findLast((ask) => ask.global === global);
  }
}
