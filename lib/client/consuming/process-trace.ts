import { begin, fail, succeed, tracing, type BrokerPeer } from '../tracing.js';
import type { Delivery } from './delivery.js';

/** @internal In consume options: true if the handler traces its calls itself, see {@link TracedProcess}. */
export const TRACES_ITSELF: unique symbol = Symbol('tracesItself');

export function tracesItself(options: object): boolean {
  return TRACES_ITSELF in options;
}

/** The message of `tracing:nest-amqp:process:*`: one handler call, which is one attempt at its messages. */
export interface ProcessTrace {
  /** The name of the queue that was given to `basicConsume`. */
  readonly queue: string;
  /** The messages: one, or those of a batch. */
  readonly deliveries: readonly Delivery[];
  /** True for a batch consumer. */
  readonly batch: boolean;
  /** The handler of the Nest layer, such as `BillingConsumer.onOrder`. */
  readonly handler: string | undefined;
  /** Number of the attempt at the message, from 1; undefined for a batch and outside the Nest layer. */
  readonly attempt: number | undefined;
  /** The pattern of a packet of Nest's microservices, once it is read. */
  readonly pattern: string | undefined;
  /** The broker that the messages came from. */
  readonly peer: BrokerPeer | undefined;
  /**
   * The handler's error; `HandlerTimeoutError` after its deadline, `StaleDeliveryError` after the loss of its channel.
   */
  readonly error?: unknown;
  /**
   * Runs the handler, and the settlement after it, inside `run`. Call it only in `start`. It is for a context outside the
   * subscriber's own `AsyncLocalStorage`; for that storage, `bindStore` of the channel is enough.
   */
  runIn(run: Around): void;
}

/** Calls `work` and returns its result. */
export type Around = <T>(work: () => T) => T;

export interface ProcessDetails {
  readonly batch?: boolean;
  readonly handler?: string | undefined;
  readonly attempt?: number | undefined;
}

/** A traced handler call. */
export class TracedProcess implements ProcessTrace {
  readonly batch: boolean;
  readonly handler: string | undefined;
  readonly attempt: number | undefined;
  pattern: string | undefined;
  error?: unknown;
  private over = false;
  private starting = false;
  /** Reports an outcome that was known before the call returned. */
  private late: (() => void) | undefined;
  private around: Around = (work) => work();

  constructor(
    readonly queue: string,
    readonly deliveries: readonly Delivery[],
    { batch = false, handler, attempt }: ProcessDetails = {},
  ) {
    this.batch = batch;
    this.handler = handler;
    this.attempt = attempt;
  }

  get peer(): BrokerPeer | undefined {
    return this.deliveries[0]?.peer;
  }

  runIn(run: Around): void {
    const inner = this.around;
    this.around = (work) => inner(() => run(work));
  }

  /** Starts the call. {@link succeed} or {@link fail} report its outcome, before or after the work has ended. */
  run<T>(work: () => T): T {
    this.starting = true;
    try {
      return begin(tracing.process, this, () => this.around(work));
    } finally {
      this.starting = false;
      this.late?.();
    }
  }

  /** Reports that the handler is done. Only the first outcome counts. */
  succeed(): void {
    this.report(() => succeed(tracing.process, this));
  }

  /** Reports that the handler has failed. Only the first outcome counts. */
  fail(error: unknown): void {
    this.report(() => fail(tracing.process, this, error));
  }

  /** `end`, which says that the call has returned, comes before the outcome. */
  private report(outcome: () => void): void {
    if (this.over) return;
    this.over = true;
    if (this.starting) this.late = outcome;
    else outcome();
  }
}
