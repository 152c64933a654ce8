import { refuseUnknown } from '../../common/known-options.js';
import { checkValues, expectValue, FUNCTION, NAME } from '../../common/option-values.js';
import { namesOf } from '../../../lib/option-names/index.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { checkConsumerOptions, STREAMING } from './check-consumer-options.js';
import type { ConsumerOptions } from './consumer-options.js';
import type { SelectionOptions } from './selection-options.js';

/**
 * Options of a consumer that is added while the application runs.
 *
 * @publicApi
 */
export interface AddedConsumerOptions extends Omit<ConsumerOptions, 'enabled' | keyof SelectionOptions> {
  /** Its name as `handler` in the registry, logs and traces. Default: the name of the function, or `added`. */
  readonly name?: string;
}

/**
 * Handles the messages of a consumer that is added while the application runs. What it returns or throws settles the
 * message, as for a method with `@AmqpConsumer`. Guards, pipes, interceptors and filters do not apply.
 */
export type AddedHandler<Payload = never> = (payload: Payload, context: AmqpContext) => unknown;

const KNOWN = namesOf({ ...STREAMING, name: 0, ack: 0 } satisfies Record<keyof AddedConsumerOptions, 0>);

/** @returns the name of the consumer and the options without it @throws ConfigurationError */
export function checkAdded(queue: string, handler: AddedHandler, given: AddedConsumerOptions) {
  const place = 'AmqpConsumerRegistry.add()';
  expectValue(`${place}: queue`, queue, NAME);
  expectValue(`${place}: handler`, handler, FUNCTION);
  refuseUnknown(place, given, KNOWN);
  checkValues(place, given, { name: NAME });
  const { name = handler.name || 'added', ...options } = given;
  checkConsumerOptions(name, { kind: 'message', options });
  return { name, options };
}
