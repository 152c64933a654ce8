import { isDeepStrictEqual } from 'node:util';
import { describeValue } from '../../common/described-value.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import type { RpcOptions } from '../options/rpc-options.js';
import type { SelectionOptions } from '../options/selection-options.js';

/** A handler with its options. */
interface Sharer {
  readonly name: string;
  readonly kind: 'message' | 'rpc';
  readonly options: ConsumerOptions;
}

/** The options that each handler has for itself. */
const OWN: readonly string[] = ['routingKey', 'type', 'header', 'errors'] satisfies (
  keyof SelectionOptions | keyof RpcOptions
)[];

/**
 * Returns the options of a consumer that several handlers share: each option is given by one of them, or with the same
 * value by several. All of them are on, or all are off.
 *
 * @throws InvalidConsumerError that names two handlers whose options cannot be those of one consumer
 */
export function sharedOptions(queue: string, sharers: readonly Sharer[]): ConsumerOptions {
  const given = new Map<string, { readonly value: unknown; readonly name: string }>();
  for (const { name, options } of sharers) {
    for (const [option, value] of Object.entries({ enabled: true, ...options })) {
      if (value === undefined || OWN.includes(option)) continue;
      const other = given.get(option);
      if (!other) given.set(option, { value, name });
      else if (!isDeepStrictEqual(other.value, value)) {
        throw new InvalidConsumerError(
          `${other.name} and ${name} share the consumer of queue '${queue}', and their ${option} differs: ` +
            `${describeValue(other.value)}, and ${describeValue(value)}. Give ${option} to one of them, or the same value to both.`,
        );
      }
    }
  }
  const manual = given.get('ack');
  const answering = sharers.find(({ kind }) => kind === 'rpc');
  if (manual?.value === 'manual' && answering) {
    throw new InvalidConsumerError(
      `${manual.name} and ${answering.name} share the consumer of queue '${queue}', and requests cannot have ack: 'manual'. ` +
        'Remove the option, or give the requests a queue of their own.',
    );
  }
  return Object.fromEntries([...given].map(([option, { value }]) => [option, value]));
}
