import { Injectable } from '@nestjs/common';
import { InvalidConsumerError } from '../consumer.errors.js';
import { Factories, isFactory } from './factories.js';
import type { HandlerHost } from '../pipeline/handler-host.js';
import type { QueueSource } from '../options/queue-source.js';

/** Finds the names of queues. */
@Injectable()
export class QueueNames {
  constructor(private readonly factories: Factories) {}

  /** @throws InvalidConsumerError if there is no name, or a dependency of its factory cannot be injected */
  async resolve(source: QueueSource, host: HandlerHost): Promise<string> {
    const made = isFactory(source);
    const queue: unknown = made ? await this.factories.call(source, host, "its queue's name") : source;
    if (typeof queue === 'string' && queue !== '') return queue;
    const reason = made ? `Its useFactory made ${describe(queue)}. ${GIVE_A_NAME}` : notAName(queue);
    throw new InvalidConsumerError(`${host.name} cannot be a consumer: ${reason}`);
  }
}

const GIVE_A_NAME =
  "Give the name of a queue, as in @AmqpConsumer('billing'); if it comes from configuration, the setting is probably missing.";

/** Describes a wrong first argument. In golevelup's decorators the queue is one of several options. */
function notAName(given: unknown): string {
  const { queue } = (given ?? {}) as { readonly queue?: unknown };
  if (typeof queue === 'string') {
    return (
      `Its queue must be the first argument, instead of { queue: '${queue}' }. Write @AmqpConsumer('${queue}'), and declare ` +
      'the queue and its bindings in the topology of AmqpModule.'
    );
  }
  const problem = given === '' || given === undefined ? 'Its queue has no name' : `Its queue is ${describe(given)}`;
  return `${problem}. ${GIVE_A_NAME}`;
}

function describe(value: unknown): string {
  return value === '' ? 'an empty name' : `no name but ${value === null ? 'null' : `a value of type ${typeof value}`}`;
}
