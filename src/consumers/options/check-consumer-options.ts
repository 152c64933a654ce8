import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import type { BatchOptions } from './batch-options.js';
import type { ConsumerMetadata } from './consumer-metadata.js';
import type { ConsumerOptions } from './consumer-options.js';

type Check = readonly [fits: (value: unknown) => boolean, expected: string];

/** Checks the values of options that go to the broker unchanged. */
const VALUES: Readonly<Record<string, Check>> = {
  connection: [(value) => typeof value === 'string', 'the name of a connection'],
  consumerTag: [(value) => typeof value === 'string' && value !== '', 'a text that is not empty'],
  exclusive: [(value) => typeof value === 'boolean', 'true or false'],
  priority: [(value) => Number.isInteger(value), 'a whole number'],
  arguments: [(value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'an object'],
  ack: [(value) => value === 'auto' || value === 'manual', "'auto' or 'manual'"],
};

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
  refuseUnknown(name, options, KNOWN[kind]);
  for (const [option, value] of Object.entries(options)) {
    const [fits, expected] = VALUES[option] ?? [];
    if (value !== undefined && fits?.(value) === false) {
      throw new ConfigurationError(`${name}: ${option} must be ${expected}; it is ${describeValue(value)}`);
    }
  }
}
