import type { Clock } from '../../environment/index.js';
import type { MethodArguments, SynchronousMethod } from '../../protocol/types.js';
import type { CallOptions, PendingCalls, Reply } from '../link/pending-calls.js';
import { Deadline } from '../timing/deadline.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';
import type { ChannelClosedError } from '../errors.js';

/** The channel, as the calls on it see it. */
export interface CalledChannel {
  readonly id: number;
  readonly isOpen: boolean;
  /** Nothing may be begun on it any more. */
  readonly isOver: boolean;
  readonly clock: Clock;
  readonly rpc: PendingCalls;
  /** Default deadline of a call, ms. */
  readonly rpcTimeout: number;
  closedError(what: string): ChannelClosedError;
}

/** The user's calls on a channel. Those that come while it is not open are sent once it is. */
export class ChannelCalls {
  private opened = new Deferred<void>();

  constructor(private readonly channel: CalledChannel) {}

  /** The channel is open: what waits is sent. */
  begin(): void {
    this.opened.resolve();
  }

  /** The channel is not open any more: what comes waits until it is. */
  hold(): void {
    this.opened = new Deferred<void>();
  }

  /** The channel is closed for good. */
  end(reason: unknown): void {
    this.opened.reject(reason);
  }

  /** Waits until the channel is open. @throws TimeoutError with `late`, the signal's reason, what has closed it */
  untilOpen(wait: WaitOptions, late: string): Promise<void> {
    return within(this.opened.promise, this.channel.clock, wait, late);
  }

  /** Waits, if need be, until the channel is back. @returns the options, with what is left of the deadline */
  async whenOpen<O extends CallOptions>(what: string, options: O): Promise<O> {
    const { channel } = this;
    if (channel.isOver) throw channel.closedError(what);
    if (channel.isOpen) return options;
    const { timeout = channel.rpcTimeout, signal } = options;
    const deadline = new Deadline(channel.clock, { ...options, timeout });
    await this.untilOpen({ timeout, signal }, `${what}: channel ${channel.id} was not back within its deadline`);
    return deadline.left;
  }

  /** A synchronous method, once the channel is open. */
  async call<N extends SynchronousMethod, R = Reply<N>>(
    name: N,
    args: MethodArguments<N>,
    options: CallOptions = {},
    onReply?: (reply: Reply<N>) => R,
  ): Promise<R> {
    const { isOpen, rpc } = this.channel;
    const left = isOpen ? options : await this.whenOpen(name, options);
    return rpc.call<N, R>(name, args, left, onReply);
  }

  /**
   * A call whose answer counts also when its caller has stopped waiting, for it goes on at the broker.
   *
   * @param send makes the call, without a deadline, once the channel is open; not where the options end it before
   */
  async followed<R>(name: string, options: CallOptions, send: (unlimited: CallOptions) => Promise<R>): Promise<R> {
    const { isOpen, rpc, clock, rpcTimeout } = this.channel;
    // Calls of one tick go out in their order: no turn is waited for while the channel is open.
    const left = isOpen ? options : await this.whenOpen(name, options);
    const { signal, timeout = rpcTimeout } = left;
    const timer = left.timeout === undefined ? rpc.patience : clock;
    const late = `${name}: no answer within ${timeout} ms`;
    return within(() => send({ timeout: Infinity }), timer, { timeout, signal }, late);
  }
}
