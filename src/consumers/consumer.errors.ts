import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError, NotFoundError } from '../../lib/client/index.js';

/**
 * A decorated method cannot be a consumer, for example because it is static, or because its queue has no name. The
 * decorator throws it, or the start of the application fails with it. The text says what to change.
 *
 * @publicApi
 */
export class InvalidConsumerError extends AmqpError {}

/**
 * A consumer cannot consume its queue, for example because the queue does not exist. The start of the application fails
 * with it, or {@link AmqpConsumerRegistry.resume} rejects. `cause` is the broker's error
 * (https://www.rabbitmq.com/docs/consumers).
 *
 * @example
 * ```ts
 * await app.init().catch((error) => {
 *   if (error instanceof ConsumerStartError) console.error(error.handler, error.queue, error.cause);
 *   throw error;
 * });
 * ```
 *
 * @publicApi
 */
export class ConsumerStartError extends AmqpError {
  constructor(
    /** Class and method of the handler: `BillingConsumer.onOrder`. */
    readonly handler: string,
    /** The queue that cannot be consumed. */
    readonly queue: string,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice =
      cause instanceof NotFoundError
        ? `. Declare the queue: AmqpModule.forRoot({ …, topology: { queues: [quorumQueue('${queue}')] } })`
        : '';
    super(`${handler} cannot consume from queue '${queue}': ${reason}${advice}`, { cause });
  }
}

/**
 * A selector for {@link AmqpConsumerRegistry.pause} or {@link AmqpConsumerRegistry.resume} fits no consumer. The text
 * lists the consumers of the application.
 *
 * @publicApi
 */
export class UnknownConsumerError extends AmqpError {
  constructor(
    selector: { readonly queue?: string; readonly handler?: string },
    known: readonly { readonly name: string; readonly queue: string }[],
  ) {
    const wanted = Object.entries(selector).map(([key, value]) => `${key} '${value}'`);
    const there = known.map(({ name, queue }) => `${name} (queue '${queue}')`);
    super(`No consumer has ${wanted.join(' and ')}. The consumers are: ${there.join(', ') || 'none'}.`);
  }
}

/** Texts of others are repeated in an error up to this many characters. */
const MAX_TEXT = 200;
/** Patterns that one error lists. */
const MAX_LISTED = 20;

/**
 * A message fits none of the handlers that share the consumer of its queue, and there is no handler without a pattern. The
 * message is refused and parked, or the request is answered with this error.
 *
 * @publicApi
 */
export class NoHandlerError extends AmqpError {
  constructor(
    readonly queue: string,
    /** The property that the patterns are compared with: `routing key`, `type` or `header 'ce-type'`. */
    readonly by: string,
    /** The value of that property in the message; undefined if it has none. */
    readonly value: string | undefined,
    /** The patterns of the handlers. */
    readonly patterns: readonly string[],
  ) {
    const shown = value === undefined || value.length <= MAX_TEXT ? value : `${value.slice(0, MAX_TEXT)}…`;
    const what = shown === undefined ? `a message without ${by}` : `${by} '${shown}'`;
    const listed = patterns.slice(0, MAX_LISTED).map((pattern) => `'${pattern}'`);
    if (patterns.length > MAX_LISTED) listed.push(`${patterns.length - MAX_LISTED} more`);
    super(`no handler of queue '${queue}' takes ${what}; there are handlers for ${listed.join(', ')}`);
  }
}

nameErrors({ InvalidConsumerError, ConsumerStartError, UnknownConsumerError, NoHandlerError });
