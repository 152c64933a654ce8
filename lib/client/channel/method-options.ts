import type { FieldTable } from '../../protocol/field-table.js';
import { FLAG, FUNCTION, OBJECT, TEXT, count, either, type OptionChecks } from '../../option-names/index.js';
import { PREFETCH } from '../option-checks.js';
import type { ConsumeOptions } from '../consuming/consumer.js';
import { CALL_CHECKS, type CallOptions } from '../link/pending-calls.js';

/** Options of `exchangeDeclare()` (section 1.6.2.1). */
export interface ExchangeDeclareOptions {
  /** Only check that the exchange exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean;
  /** The exchange is deleted with its last binding. Default false. */
  readonly autoDelete?: boolean;
  /** Only exchange bindings reach the exchange, no publish does. Default false. */
  readonly internal?: boolean;
  /** Arguments, such as `alternate-exchange` (https://www.rabbitmq.com/docs/ae). Default: none. */
  readonly arguments?: FieldTable;
}

/** Options of `queueDeclare()` (section 1.7.2.1). */
export interface QueueDeclareOptions {
  /** Only check that the queue exists. Default false. */
  readonly passive?: boolean;
  /** Survives a restart of the broker. Default true, but false for exclusive queues. */
  readonly durable?: boolean;
  /** Only this connection can use the queue, and the queue is deleted with it. Default false. */
  readonly exclusive?: boolean;
  /** The queue is deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean;
  /**
   * Arguments, such as `x-queue-type`, `x-message-ttl` (ms) or `x-dead-letter-exchange`
   * (https://www.rabbitmq.com/docs/queues#optional-arguments). Default: none.
   */
  readonly arguments?: FieldTable;
}

/** Options of `exchangeDelete()`. */
export interface ExchangeDeleteOptions extends CallOptions {
  /** Refuse (406) while the exchange has bindings. Default false. */
  readonly ifUnused?: boolean;
}

/** Options of the methods that bind and unbind. */
export interface BindOptions extends CallOptions {
  /** Arguments of the binding; for headers exchanges: `x-match` and the headers. Default: none. */
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

/** The checks of the options of `consume()`. */
const CONSUME = {
  consumerTag: TEXT,
  noAck: FLAG,
  exclusive: FLAG,
  noLocal: FLAG,
  arguments: either(OBJECT, FUNCTION),
  prefetch: PREFETCH,
  onTooLarge: FUNCTION,
  ...CALL_CHECKS,
} satisfies OptionChecks<Omit<ConsumeOptions, 'concurrency' | 'onCancel'>>;

/** The checks of the options of each method. */
export const CHECKS = {
  exchangeDeclare: {
    passive: FLAG,
    durable: FLAG,
    autoDelete: FLAG,
    internal: FLAG,
    arguments: OBJECT,
    ...CALL_CHECKS,
  } satisfies OptionChecks<ExchangeDeclareOptions & CallOptions>,
  exchangeDelete: { ifUnused: FLAG, ...CALL_CHECKS } satisfies OptionChecks<ExchangeDeleteOptions>,
  bind: { arguments: OBJECT, ...CALL_CHECKS } satisfies OptionChecks<BindOptions>,
  queueDeclare: {
    passive: FLAG,
    durable: FLAG,
    exclusive: FLAG,
    autoDelete: FLAG,
    arguments: OBJECT,
    ...CALL_CHECKS,
  } satisfies OptionChecks<QueueDeclareOptions & CallOptions>,
  queueDelete: { ifUnused: FLAG, ifEmpty: FLAG, ...CALL_CHECKS } satisfies OptionChecks<QueueDeleteOptions>,
  basicQos: { global: FLAG, ...CALL_CHECKS } satisfies OptionChecks<QosOptions>,
  basicConsume: {
    ...CONSUME,
    concurrency: count({ min: 1, unlimited: true }),
    onCancel: FUNCTION,
  } satisfies OptionChecks<ConsumeOptions>,
  consume: CONSUME,
  basicGet: { noAck: FLAG, ...CALL_CHECKS } satisfies OptionChecks<GetOptions>,
  basicRecover: { requeue: FLAG, ...CALL_CHECKS } satisfies OptionChecks<RecoverOptions & CallOptions>,
  basicRecoverAsync: { requeue: FLAG } satisfies OptionChecks<RecoverOptions>,
} as const;
