import { AmqpError, NotFoundError } from '../../lib/client/index.js';

/** A method that is decorated as a consumer and cannot be one. */
export class InvalidConsumerError extends AmqpError {
  static {
    this.prototype.name = 'InvalidConsumerError';
  }
}

/** A consumer that could not be started; the broker's own error is the `cause`. */
export class ConsumerStartError extends AmqpError {
  static {
    this.prototype.name = 'ConsumerStartError';
  }

  constructor(
    /** `BillingConsumer.onOrder` */
    readonly handler: string,
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

/** There is no such consumer to pause or resume. */
export class UnknownConsumerError extends AmqpError {
  static {
    this.prototype.name = 'UnknownConsumerError';
  }

  constructor(
    selector: { readonly queue?: string; readonly handler?: string },
    known: readonly { readonly name: string; readonly queue: string }[],
  ) {
    const wanted = Object.entries(selector).map(([key, value]) => `${key} '${value}'`);
    const there = known.map(({ name, queue }) => `${name} (queue '${queue}')`);
    super(`There is no consumer with ${wanted.join(' and ')}. There are: ${there.join(', ') || 'none'}.`);
  }
}
