import { isPlainObject, type FieldValue } from '../../protocol/field-table.js';
import type { MessageProperties, OutgoingProperties } from '../../protocol/types.js';
import type { BrokerPeer } from '../tracing.js';
import { CHECKED_AT, type BasicPublishOptions } from './publish-options.js';

/** @internal In publish options: set for a copy of a consumed message. */
export const COPY_OF: unique symbol = Symbol('copyOf');

/** The reason for a copy of a consumed message. */
export interface CopyOf {
  /** `retry`: to a delay queue; `park`: to `<queue>.parked`; `redrive`: from there back to its queue. */
  readonly kind: 'retry' | 'park' | 'redrive';
  /** The queue of the consumer of the message. */
  readonly queue: string;
  /** The consumed message: a `Delivery`. */
  readonly delivery: { readonly properties: MessageProperties };
}

type Options = BasicPublishOptions & {
  readonly [CHECKED_AT]?: number | undefined;
  readonly [COPY_OF]?: CopyOf | undefined;
};

/**
 * The message of `tracing:nest-amqp:publish:*`: one publish, from its call to its outcome. `start` is published before
 * the message is encoded.
 */
export interface PublishTrace {
  /** The exchange; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key. */
  readonly routingKey: string;
  /** The properties and options of the publish, with added headers. */
  readonly properties: OutgoingProperties;
  /** True if the broker returns the message when no queue is bound for it. */
  readonly mandatory: boolean;
  /** Size of the body in bytes. */
  readonly size: number;
  /** The broker of the channel; undefined while there is none. */
  readonly peer: BrokerPeer | undefined;
  /** Set for a message of the Nest layer that is retried, parked or redriven. */
  readonly copyOf: CopyOf | undefined;
  /** Number of the publish on its channel, from 1. Set from `asyncEnd` on if the publish succeeded; 0 without confirms. */
  readonly deliveryTag: number | undefined;
  /** The error of a failed publish: `MessageReturnedError`, `PublishNackedError`, `PublishTimeoutError`, … */
  readonly error?: unknown;
  /**
   * Adds or replaces a header of the message; only in `start`. The caller's objects stay unchanged. Has no effect on a
   * message whose headers cannot be encoded.
   */
  addHeader(name: string, value: FieldValue): void;
}

/** A traced publish. */
export class TracedPublish implements PublishTrace {
  deliveryTag: number | undefined;
  error?: unknown;
  private owned = false;

  constructor(
    readonly exchange: string,
    readonly routingKey: string,
    readonly size: number,
    private options: Options,
    private readonly host: { readonly peer: BrokerPeer | undefined },
  ) {}

  get properties(): BasicPublishOptions {
    return this.options;
  }

  get mandatory(): boolean {
    return this.options.mandatory === true;
  }

  get peer(): BrokerPeer | undefined {
    return this.host.peer;
  }

  get copyOf(): CopyOf | undefined {
    return this.options[COPY_OF];
  }

  addHeader(name: string, value: FieldValue): void {
    const { headers = {} } = this.options;
    if (!isPlainObject(headers)) return;
    if (!this.owned) this.options = copied(this.options, { ...headers });
    this.owned = true;
    (this.options.headers as Record<string, FieldValue>)[name] = value;
  }
}

/** Copied by name, with inherited properties, as they are read; a spread would omit inherited ones. */
function copied(options: Options, headers: object): Options {
  const copy: Record<string, unknown> = {};
  for (const name in options) copy[name] = options[name as keyof Options];
  return Object.assign(copy, { headers, [CHECKED_AT]: options[CHECKED_AT], [COPY_OF]: options[COPY_OF] });
}
