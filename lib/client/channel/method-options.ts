import type { FieldTable } from '../../protocol/field-table.js';
import { namesOf } from '../../option-names/index.js';
import type { ConsumeOptions } from '../consuming/consumer.js';
import { CALL_OPTIONS, type CallOptions } from '../link/pending-calls.js';

export interface ExchangeDeclareOptions {
  /** Only check that the exchange exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** The exchange is deleted with its last binding. Default false. */
  readonly autoDelete?: boolean;
  /** Only exchange bindings reach the exchange, no publish does. Default false. */
  readonly internal?: boolean;
  /** `alternate-exchange`, … */
  readonly arguments?: FieldTable;
}

export interface QueueDeclareOptions {
  /** Only check that the queue exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true, but false for exclusive queues. */
  readonly durable?: boolean;
  /** Only this connection can use the queue, and the queue is deleted with it. Default false. */
  readonly exclusive?: boolean;
  /** The queue is deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean;
  /** `x-queue-type`, `x-message-ttl`, `x-dead-letter-exchange`, … */
  readonly arguments?: FieldTable;
}

/** Options of `exchangeDelete()`. */
export interface ExchangeDeleteOptions extends CallOptions {
  /** Refuse (406) while the exchange has bindings. Default false. */
  readonly ifUnused?: boolean;
}

/** Options of the methods that bind and unbind. */
export interface BindOptions extends CallOptions {
  /** Arguments of the binding; for headers exchanges: `x-match` and the headers. */
  readonly arguments?: FieldTable;
}

/** Options of `queueDelete()`. */
export interface QueueDeleteOptions extends CallOptions {
  /** Refuse (406) while the queue has consumers. Default false. */
  readonly ifUnused?: boolean;
  /** Refuse (406) while the queue has messages. Default false. */
  readonly ifEmpty?: boolean;
}

/** Options of `basicQos()`. */
export interface QosOptions extends CallOptions {
  /** Apply the limit to the whole channel; RabbitMQ 4 refuses that. Default false: to each later consumer. */
  readonly global?: boolean;
}

/** Options of `basicGet()`. */
export interface GetOptions extends CallOptions {
  /** The broker treats the message as acknowledged when it sends it. Default false. */
  readonly noAck?: boolean;
}

/** Options of `basicRecoverAsync()`. */
export interface RecoverOptions {
  /** Requeue the messages, so that any consumer may get them. Default true; RabbitMQ refuses false (540). */
  readonly requeue?: boolean;
}

/** The names of the options of `consume()`. */
const CONSUME = {
  consumerTag: 0,
  noAck: 0,
  exclusive: 0,
  noLocal: 0,
  arguments: 0,
  prefetch: 0,
  onTooLarge: 0,
  ...CALL_OPTIONS,
} satisfies Record<keyof Omit<ConsumeOptions, 'concurrency' | 'onCancel'>, 0>;

/** The names of the options of each method. */
export const KNOWN = {
  exchangeDeclare: namesOf({
    passive: 0,
    durable: 0,
    autoDelete: 0,
    internal: 0,
    arguments: 0,
    ...CALL_OPTIONS,
  } satisfies Record<keyof (ExchangeDeclareOptions & CallOptions), 0>),
  exchangeDelete: namesOf({ ifUnused: 0, ...CALL_OPTIONS } satisfies Record<keyof ExchangeDeleteOptions, 0>),
  bind: namesOf({ arguments: 0, ...CALL_OPTIONS } satisfies Record<keyof BindOptions, 0>),
  queueDeclare: namesOf({
    passive: 0,
    durable: 0,
    exclusive: 0,
    autoDelete: 0,
    arguments: 0,
    ...CALL_OPTIONS,
  } satisfies Record<keyof (QueueDeclareOptions & CallOptions), 0>),
  queueDelete: namesOf({ ifUnused: 0, ifEmpty: 0, ...CALL_OPTIONS } satisfies Record<keyof QueueDeleteOptions, 0>),
  basicQos: namesOf({ global: 0, ...CALL_OPTIONS } satisfies Record<keyof QosOptions, 0>),
  basicConsume: namesOf({ ...CONSUME, concurrency: 0, onCancel: 0 } satisfies Record<keyof ConsumeOptions, 0>),
  consume: namesOf(CONSUME),
  basicGet: namesOf({ noAck: 0, ...CALL_OPTIONS } satisfies Record<keyof GetOptions, 0>),
  basicRecover: namesOf({ requeue: 0, ...CALL_OPTIONS } satisfies Record<keyof (RecoverOptions & CallOptions), 0>),
  basicRecoverAsync: namesOf({ requeue: 0 } satisfies Record<keyof RecoverOptions, 0>),
} as const;
