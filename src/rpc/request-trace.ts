import { tracingChannel } from 'node:diagnostics_channel';
import { begin, fail, succeed, type BasicPublishOptions, type Delivery } from '../../lib/client/index.js';
import type { ReplyPacket } from './pending-requests.js';

const channel = tracingChannel('nest-amqp:request');

/** The message of `tracing:nest-amqp:request:*`: one request, from its publish to its last reply. */
export interface RequestTrace {
  /** The exchange of the request; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key of the request. */
  readonly routingKey: string;
  /** The correlation id, which each reply repeats. */
  readonly correlationId: string;
  /** The properties and options of the request. */
  readonly properties: BasicPublishOptions;
  /** The last reply; undefined before the first one. */
  readonly reply: Delivery | undefined;
  /** The error of a failed request: `RpcRemoteError`, `RpcTimeoutError`, a lost connection, … */
  readonly error?: unknown;
  /** Sends the request inside `run`; only in `start`. See `ProcessTrace.runIn`. */
  runIn(run: <T>(work: () => T) => T): void;
}

/** A traced request. */
export class TracedRequest implements RequestTrace {
  reply: Delivery | undefined;
  error?: unknown;
  private over = false;
  private around: <T>(work: () => T) => T = (work) => work();

  private constructor(
    readonly exchange: string,
    readonly routingKey: string,
    readonly correlationId: string,
    readonly properties: BasicPublishOptions,
  ) {}

  /** Returns undefined without subscribers. */
  static of(
    exchange: string,
    routingKey: string,
    correlationId: string,
    properties: BasicPublishOptions,
  ): TracedRequest | undefined {
    if (!channel.hasSubscribers) return undefined;
    return new TracedRequest(exchange, routingKey, correlationId, properties);
  }

  runIn(run: <T>(work: () => T) => T): void {
    const inner = this.around;
    this.around = (work) => inner(() => run(work));
  }

  send(work: () => void): void {
    begin(channel, this, () => this.around(work));
  }

  /** Records a reply, or the error that ends the request. */
  onPacket({ err, isDisposed }: ReplyPacket): void {
    if (err !== undefined && err !== null) this.end(() => fail(channel, this, err));
    else if (isDisposed) this.leave();
  }

  /** Records the end of the request: its last reply has arrived, or nobody waits for one. */
  leave(): void {
    this.end(() => succeed(channel, this));
  }

  private end(tell: () => void): void {
    if (this.over) return;
    this.over = true;
    tell();
  }
}
