import { methods } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName, ReplyOf, SynchronousMethod } from '../../protocol/types.js';
import { DURATION, SIGNAL, type OptionChecks } from '../../option-names/index.js';
import { onAbort, type Clock } from '../../environment/index.js';
import { TimeoutError } from '../errors.js';
import { checkDuration, checkOptions, refuseAborted } from '../option-checks.js';

/** Deadline and cancellation of one call. */
export interface CallOptions {
  /**
   * Deadline in ms; Infinity for none. Default: the connection's `rpcTimeout`, which begins anew with each answer on the
   * channel, since a broker answers the calls of a channel one after the other.
   */
  readonly timeout?: number;
  /** Ends the wait with the signal's reason. The broker may still carry out the call. */
  readonly signal?: AbortSignal;
}

/** The checks of the options of each call. */
export const CALL_CHECKS = { timeout: DURATION, signal: SIGNAL } satisfies OptionChecks<CallOptions>;

/** Checks the options of a method that has no others. @throws ConfigurationError */
export function checkCall(what: string, options: CallOptions): void {
  checkOptions(what, options, CALL_CHECKS);
}

/** The answer to `N`: its name and arguments. */
export type Reply<N extends SynchronousMethod> = Extract<Method, { readonly name: ReplyOf<N> }>;

interface PendingCall {
  readonly method: MethodName;
  readonly args: object;
  readonly accepts: readonly string[];
  /** Delivery tag of the first publish after the call. */
  readonly behind: number;
  /** Called when the reply is read, before later frames are. */
  readonly onReply: ((reply: never, abandoned: boolean) => unknown) | undefined;
  /** Undefined once the caller has stopped waiting; the late reply is then dropped. */
  caller: { resolve(reply: unknown): void; reject(error: unknown): void } | undefined;
}

/**
 * The pending synchronous methods of one channel, in the order in which they were sent. A broker answers them in that
 * order.
 */
export class PendingCalls {
  private pending: PendingCall[] = [];
  private answeredAt = -Infinity;
  /** Defined while a commit is unanswered: the calls that are sent after its answer. */
  private held: PendingCall[] | undefined;

  constructor(
    private readonly send: <N extends MethodName>(name: N, args: MethodArguments<N>) => void,
    private readonly clock: Clock,
    private readonly timeout: number,
    private readonly nextTag: () => number = () => 1,
    /** A commit begins, or is answered. Until its answer nothing else may be written to the channel. */
    private readonly onCommit: (underWay: boolean) => void = () => {},
  ) {}

  /**
   * The timer of the default deadline, which passes if the channel had no answer for that time. So a thousand
   * declarations may be sent at once, although the last answer arrives much later.
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
   * @param onReply makes the result when the reply is read; `abandoned` if nobody waits for it any more
   * @throws EncodingError, ConfigurationError for an invalid `timeout`, TimeoutError, the signal's reason, or the error
   * given to `fail`
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
      refuseAborted(signal);
      const call: PendingCall = {
        method: name,
        args,
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
      // Before the write, since a custom socket may deliver the answer from within it.
      this.pending.push(call);
      if (this.held) this.held.push(call);
      else this.write(call);
    });
  }

  private write(call: PendingCall): void {
    const { method, args, caller } = call;
    const commits = method === 'tx.commit';
    try {
      if (commits) this.hold();
      this.send(method, args as MethodArguments<typeof method>);
    } catch (error) {
      this.forget(call);
      if (commits) this.release();
      caller?.reject(error);
    }
  }

  /** RabbitMQ closes the connection (504) for a method that comes while it commits a transaction of the channel. */
  private hold(): void {
    this.held = [];
    this.onCommit(true);
  }

  private release(): void {
    const { held } = this;
    if (!held) return;
    this.held = undefined;
    this.onCommit(false);
    for (const call of held) {
      // One that nobody waits for any more is not sent at all.
      if (!call.caller) this.forget(call);
      else if (this.held) (this.held as PendingCall[]).push(call);
      else this.write(call);
    }
  }

  private forget(call: PendingCall): void {
    this.pending.splice(this.pending.indexOf(call), 1);
  }

  /** True while an answer is outstanding. */
  get waiting(): boolean {
    return this.pending.length > 0;
  }

  /** Returns true while the answer to this method is outstanding. */
  awaits(method: MethodName): boolean {
    return this.pending.some((call) => call.method === method);
  }

  /** The arguments of the calls of this method whose answers are still to come, also where nobody waits any more. */
  unanswered<N extends SynchronousMethod>(method: N): MethodArguments<N>[] {
    return this.pending.filter((call) => call.method === method).map(({ args }) => args as MethodArguments<N>);
  }

  /**
   * Passes a reply to the first call that waits for a reply of this name. Returns false if there is none, which is an
   * error of the peer.
   */
  settle(name: MethodName, reply: unknown): boolean {
    const index = this.pending.findIndex((call) => call.accepts.includes(name));
    if (index < 0) return false;
    const [call] = this.pending.splice(index, 1);
    this.answeredAt = this.clock.now();
    if (call!.method === 'tx.commit') this.release();
    const { caller, onReply } = call!;
    try {
      caller?.resolve(onReply ? onReply(reply as never, false) : reply);
      if (!caller) onReply?.(reply as never, true);
    } catch (error) {
      caller?.reject(error);
    }
    return true;
  }

  /** Records that nobody waits any more. Late answers are still accepted. */
  abandon(error: unknown): undefined {
    const { pending, held = [] } = this;
    this.held = undefined;
    // A call that was not sent gets no answer.
    this.pending = pending.filter((call) => !held.includes(call));
    for (const { caller } of pending) caller?.reject(error);
  }

  /**
   * Fails all waiting calls.
   *
   * @param culprit the method that the broker named; if the first call has this method, it gets `error` itself
   * @returns if a call caused the error, the delivery tag of the first publish after it; else undefined
   */
  fail(error: unknown, others: unknown = error, culprit?: MethodName): number | undefined {
    const calls = this.pending;
    this.pending = [];
    this.held = undefined;
    const guilty = culprit !== undefined && calls[0]?.method === culprit;
    calls.forEach((call, index) => call.caller?.reject(guilty && index === 0 ? error : others));
    return guilty ? calls[0]!.behind : undefined;
  }
}
