import { methods } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName, ReplyOf, SynchronousMethod } from '../../protocol/types.js';
import { onAbort, type Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { checkDuration } from '../option-checks.js';

/** Deadline and cancellation of one call. */
export interface CallOptions {
  /**
   * Deadline in ms; Infinity for none. Default: the connection's `rpcTimeout`, which begins anew with each answer on the
   * channel, since a broker answers the calls of a channel one after the other.
   */
  readonly timeout?: number;
  /** Ends the wait with the signal's reason. The broker may carry the call out all the same. */
  readonly signal?: AbortSignal;
}

/** The answer to `N`: its name and arguments. */
export type Reply<N extends SynchronousMethod> = Extract<Method, { readonly name: ReplyOf<N> }>;

interface PendingCall {
  readonly method: MethodName;
  readonly accepts: readonly string[];
  /** Delivery tag of the first publish behind it. */
  readonly behind: number;
  /** Runs the moment the reply is read, before the frames behind it. */
  readonly onReply: ((reply: never, abandoned: boolean) => unknown) | undefined;
  /** Gone once the caller has stopped waiting: the reply that still comes is then taken and dropped. */
  caller: { resolve(reply: unknown): void; reject(error: unknown): void } | undefined;
}

/**
 * The synchronous methods under way on one channel, in the order they were sent: a broker answers them in that order.
 */
export class PendingCalls {
  private pending: PendingCall[] = [];
  private answeredAt = -Infinity;

  constructor(
    private readonly send: <N extends MethodName>(name: N, args: MethodArguments<N>) => void,
    private readonly clock: Clock,
    private readonly timeout: number,
    private readonly nextTag: () => number = () => 1,
  ) {}

  /**
   * Times a default deadline: it passes when the channel has had no answer for that long. So a thousand declarations may
   * be sent at once, whose last one is answered long after it was sent.
   */
  readonly patience: Pick<Clock, 'after'> = {
    after: (delay, run) => {
      const check = (): void => {
        const left = this.answeredAt + delay - this.clock.now();
        if (left > 0) cancel = this.clock.after(left, check);
        else run();
      };
      let cancel = this.clock.after(delay, check);
      return () => cancel();
    },
  };

  /**
   * Sends and waits.
   *
   * @param onReply makes the result, in the moment the reply is read; `abandoned`: nobody waits for it any more
   * @throws EncodingError, ConfigurationError for no such `timeout`, TimeoutError, the signal's reason, or what `fail` is given
   */
  call<N extends SynchronousMethod, R = Reply<N>, A = Reply<N>>(
    name: N,
    args: MethodArguments<N>,
    options: CallOptions = {},
    onReply?: (reply: A, abandoned: boolean) => R,
  ): Promise<R> {
    const { signal, timeout = this.timeout } = options;
    return new Promise<R>((resolve, reject) => {
      checkDuration('timeout', timeout);
      signal?.throwIfAborted();
      const call: PendingCall = {
        method: name,
        accepts: methods[name].reply,
        behind: this.nextTag(),
        onReply,
        caller: undefined,
      };
      const leave = (error: unknown): void => {
        done();
        reject(error);
      };
      const timer = options.timeout === undefined ? this.patience : this.clock;
      const cancelDeadline = timer.after(timeout, () => {
        leave(new TimeoutError(`${name}: no answer within ${timeout} ms`));
      });
      const unwatch = signal && onAbort(signal, () => leave(signal.reason));
      const done = (): void => {
        call.caller = undefined;
        cancelDeadline();
        unwatch?.();
      };
      call.caller = {
        resolve(reply) {
          done();
          resolve(reply as R);
        },
        reject: leave,
      };
      // Before it is written: a socket of somebody's own may bring the answer from within the write.
      this.pending.push(call);
      try {
        this.send(name, args);
      } catch (error) {
        this.pending.splice(this.pending.indexOf(call), 1);
        leave(error);
      }
    });
  }

  /** An answer is still to come. */
  get waiting(): boolean {
    return this.pending.length > 0;
  }

  /** The answer to this method is still to come. */
  awaits(method: MethodName): boolean {
    return this.pending.some((call) => call.method === method);
  }

  /** Hands a reply to the first call that waits for one of its name. False when none does: the peer is confused. */
  settle(name: MethodName, reply: unknown): boolean {
    const index = this.pending.findIndex((call) => call.accepts.includes(name));
    if (index < 0) return false;
    const [call] = this.pending.splice(index, 1);
    this.answeredAt = this.clock.now();
    const { caller, onReply } = call!;
    try {
      caller?.resolve(onReply ? onReply(reply as never, false) : reply);
      if (!caller) onReply?.(reply as never, true);
    } catch (error) {
      caller?.reject(error);
    }
    return true;
  }

  /** Nobody waits any more; the answers that still come are taken. */
  abandon(error: unknown): undefined {
    for (const { caller } of [...this.pending]) caller?.reject(error);
  }

  /**
   * Fails everything that waits.
   *
   * @param culprit the method that the broker named; where the first call is of that method, `error` is its own
   * @returns where a call was to blame, the delivery tag of the first publish behind it; else undefined
   */
  fail(error: unknown, others: unknown = error, culprit?: MethodName): number | undefined {
    const calls = this.pending;
    this.pending = [];
    const guilty = culprit !== undefined && calls[0]?.method === culprit;
    calls.forEach((call, index) => call.caller?.reject(guilty && index === 0 ? error : others));
    return guilty ? calls[0]!.behind : undefined;
  }
}
