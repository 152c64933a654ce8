import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import type { BatchOptions } from './batch-options.js';
import type { ConsumerMetadata } from './consumer-metadata.js';
import type { ConsumerOptions } from './consumer-options.js';

/** The options of every kind of consumer. */
const SHARED = {
  connection: 0,
  prefetch: 0,
  concurrency: 0,
  consumerTag: 0,
  exclusive: 0,
  priority: 0,
  arguments: 0,
  retry: 0,
  timeout: 0,
} as const;

/** The options of consumers that may read a stream. */
const STREAMING = { ...SHARED, offset: 0, trackOffset: 0 } as const;

const KNOWN: Readonly<Record<ConsumerMetadata['kind'], readonly string[]>> = {
  message: namesOf({ ...STREAMING, ack: 0 } satisfies Record<keyof ConsumerOptions, 0>),
  rpc: namesOf(SHARED satisfies Record<keyof Omit<ConsumerOptions, 'ack' | 'offset' | 'trackOffset'>, 0>),
  batch: namesOf({ ...STREAMING, size: 0, maxWait: 0, itemPipes: 0 } satisfies Record<keyof BatchOptions, 0>),
};

/**
 * Checks at the start what the decorators' types check at compile time, since JavaScript and options from a variable
 * bypass the types.
 *
 * @param name the handler, such as `BillingConsumer.onOrder`
 * @throws ConfigurationError
 */
export function checkConsumerOptions(name: string, { kind, options }: ConsumerMetadata): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError(
      `${name}: the options of its consumer must be an object; they are ${describeValue(options)}`,
    );
  }
  refuseUnknown(name, options, KNOWN[kind]);
  const ack: unknown = 'ack' in options ? options.ack : undefined;
  if (ack !== undefined && ack !== 'auto' && ack !== 'manual') {
    throw new ConfigurationError(`${name}: ack must be 'auto' or 'manual'; it is ${describeValue(ack)}`);
  }
}
