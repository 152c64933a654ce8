import type { FieldTable } from '../../protocol/field-table.js';
import { namesOf } from '../../option-names/index.js';
import type { ConsumeOptions } from '../consuming/consumer.js';
import type { CallOptions } from '../link/pending-calls.js';
import type { ExchangeDeclareOptions, QueueDeclareOptions } from './topology-record.js';

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

const CALL = { timeout: 0, signal: 0 } satisfies Record<keyof CallOptions, 0>;

/** The names of the options of each method. */
export const KNOWN = {
  exchangeDeclare: namesOf({
    passive: 0,
    durable: 0,
    autoDelete: 0,
    internal: 0,
    arguments: 0,
    ...CALL,
  } satisfies Record<keyof (ExchangeDeclareOptions & CallOptions), 0>),
  exchangeDelete: namesOf({ ifUnused: 0, ...CALL } satisfies Record<keyof ExchangeDeleteOptions, 0>),
  bind: namesOf({ arguments: 0, ...CALL } satisfies Record<keyof BindOptions, 0>),
  queueDeclare: namesOf({
    passive: 0,
    durable: 0,
    exclusive: 0,
    autoDelete: 0,
    arguments: 0,
    ...CALL,
  } satisfies Record<keyof (QueueDeclareOptions & CallOptions), 0>),
  queueDelete: namesOf({ ifUnused: 0, ifEmpty: 0, ...CALL } satisfies Record<keyof QueueDeleteOptions, 0>),
  basicQos: namesOf({ global: 0, ...CALL } satisfies Record<keyof QosOptions, 0>),
  basicConsume: namesOf({
    consumerTag: 0,
    noAck: 0,
    exclusive: 0,
    noLocal: 0,
    arguments: 0,
    prefetch: 0,
    concurrency: 0,
    onCancel: 0,
    onTooLarge: 0,
    ...CALL,
  } satisfies Record<keyof ConsumeOptions, 0>),
  basicGet: namesOf({ noAck: 0, ...CALL } satisfies Record<keyof GetOptions, 0>),
  basicRecover: namesOf({ requeue: 0, ...CALL } satisfies Record<keyof (RecoverOptions & CallOptions), 0>),
  basicRecoverAsync: namesOf({ requeue: 0 } satisfies Record<keyof RecoverOptions, 0>),
} as const;
