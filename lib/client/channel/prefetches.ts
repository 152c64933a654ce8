import type { MethodArguments } from '../../protocol/types.js';
import { ConnectionError } from '../errors.js';
import { isRefusalOf } from '../refusal.js';

/** The arguments of a basic.qos that the user asks for; that of a consumer with a prefetch of its own is none. */
export class AskedPrefetch implements MethodArguments<'basic.qos'> {
  readonly prefetchSize = 0;

  /** @param prefetchCount 0 for no limit. @param global for the channel as a whole, else for each consumer that follows */
  constructor(
    readonly prefetchCount: number,
    readonly global = false,
  ) {}
}

/**
 * The prefetches that the user asked for on one channel. The last one of each scope counts from the moment it is sent: the
 * broker applies it to whatever is sent behind it, whether or not anybody waits for the answer. One that the broker refuses
 * counts no more, and the one before it does.
 */
export class Prefetches {
  /** Oldest first. */
  private asked: AskedPrefetch[] = [];

  /** Counts from here on. */
  add(ask: AskedPrefetch): void {
    this.asked.push(ask);
  }

  /** Has the record follow the broker. @param call basic.qos with this prefetch @throws what the call rejects with */
  async follow(ask: AskedPrefetch, call: Promise<unknown>): Promise<void> {
    try {
      await call;
      this.agreed(ask);
    } catch (error) {
      this.failed(ask, error);
      throw error;
    }
  }

  /** The broker agreed: nothing asked before counts again. */
  private agreed(ask: AskedPrefetch): void {
    const at = this.asked.indexOf(ask);
    this.asked = this.asked.filter(({ global }, index) => index >= at || global !== ask.global);
  }

  /** Its call failed. @param error any but the broker's refusal leaves open what the broker did, and changes nothing */
  private failed(ask: AskedPrefetch, error: unknown): void {
    // RabbitMQ 4 closes the connection on a global one.
    const costTheConnection = error instanceof ConnectionError && error.method === 'basic.qos';
    if (costTheConnection || isRefusalOf('basic.qos', error)) this.asked = this.asked.filter((other) => other !== ask);
  }

  /** Of consumers without a prefetch of their own; 0 for no limit. */
  get ofConsumers(): number {
    return this.last(false)?.prefetchCount ?? 0;
  }

  /** One for each scope that was asked for: what a channel that opens anew is to have. */
  get latest(): readonly AskedPrefetch[] {
    return [this.last(false), this.last(true)].filter((ask) => ask !== undefined);
  }

  private last(global: boolean): AskedPrefetch | undefined {
    return this.asked.findLast((ask) => ask.global === global);
  }
}
