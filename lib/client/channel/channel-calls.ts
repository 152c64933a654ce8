import type { Clock } from '../../environment/index.js';
import type { MethodArguments, SynchronousMethod } from '../../protocol/types.js';
import type { CallOptions, PendingCalls, Reply } from '../link/pending-calls.js';
import { Deadline } from '../timing/deadline.js';
import { Deferred, within, type WaitOptions } from '../timing/deferred.js';
import type { ChannelClosedError } from '../errors.js';

/** The part of a channel that its calls use. */
export interface CalledChannel {
  readonly id: number;
  readonly isOpen: boolean;
  /** True if no call may start on the channel any more. */
  readonly isOver: boolean;
  readonly clock: Clock;
  readonly rpc: PendingCalls;
  /** Default deadline of a call, ms. */
  readonly rpcTimeout: number;
  closedError(what: string): ChannelClosedError;
}

/** The user's calls on a channel. A call on a channel that is not open is sent once the channel is open. */
export class ChannelCalls {
  private opened = new Deferred<void>();

  constructor(private readonly channel: CalledChannel) {}

  /** Called when the channel is open. Sends the waiting calls. */
  begin(): void {
    this.opened.resolve();
  }

  /** Called when the channel is not open any more. Later calls wait until it is. */
  hold(): void {
    this.opened = new Deferred<void>();
  }

  /** Called when the channel is closed for good. */
  end(reason: unknown): void {
    this.opened.reject(reason);
  }

  /**
   * Waits until the channel is open. @throws TimeoutError with `late`, the signal's reason, or the error that has
   * closed the channel
   */
  untilOpen(wait: WaitOptions, late: string): Promise<void> {
    return within(this.opened.promise, this.channel.clock, wait, late);
  }

  /** Waits until the channel is open, if it is not. @returns the options with the remaining time */
  async whenOpen<O extends CallOptions>(what: string, options: O): Promise<O> {
    const { channel } = this;
    if (channel.isOver) throw channel.closedError(what);
    if (channel.isOpen) return options;
    const { timeout = channel.rpcTimeout, signal } = options;
    const deadline = new Deadline(channel.clock, { ...options, timeout });
    await this.untilOpen({ timeout, signal }, `${what}: channel ${channel.id} was not back within its deadline`);
    return deadline.left;
  }

  /**
   * Sends a synchronous method once the channel is open. @param args makes the arguments when it is sent, since a queue
   * may have another name by then
   */
  async call<N extends SynchronousMethod, R = Reply<N>>(
    name: N,
    args: () => MethodArguments<N>,
    options: CallOptions = {},
    onReply?: (reply: Reply<N>) => R,
  ): Promise<R> {
    const { isOpen, rpc } = this.channel;
    const left = isOpen ? options : await this.whenOpen(name, options);
    return rpc.call<N, R>(name, args(), left, onReply);
  }

  /**
   * Makes a call whose answer counts even if its caller has stopped waiting, since the broker carries it out.
   *
   * @param send makes the call without a deadline once the channel is open. It is not called if the options end the
   * wait before
   */
  async followed<R>(name: string, options: CallOptions, send: (unlimited: CallOptions) => Promise<R>): Promise<R> {
    const { isOpen, rpc, clock, rpcTimeout } = this.channel;
    // Calls of one tick are sent in their order, so this does not wait for a turn while the channel is open.
    const left = isOpen ? options : await this.whenOpen(name, options);
    const { signal, timeout = rpcTimeout } = left;
    const timer = left.timeout === undefined ? rpc.patience : clock;
    const late = `${name}: no answer within ${timeout} ms`;
    return within(() => send({ timeout: Infinity }), timer, { timeout, signal }, late);
  }
}
