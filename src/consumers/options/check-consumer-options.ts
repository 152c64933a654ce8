import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../../common/described-value.js';
import { namesOf, refuseUnknown } from '../../common/known-options.js';
import type { BatchOptions } from './batch-options.js';
import type { ConsumerMetadata } from './consumer-metadata.js';
import type { ConsumerOptions } from './consumer-options.js';

const MESSAGE = namesOf({
  connection: 0,
  prefetch: 0,
  concurrency: 0,
  consumerTag: 0,
  exclusive: 0,
  priority: 0,
  offset: 0,
  trackOffset: 0,
  arguments: 0,
  retry: 0,
  ack: 0,
} satisfies Record<keyof ConsumerOptions, 0>);

const BATCH = namesOf({
  connection: 0,
  prefetch: 0,
  concurrency: 0,
  consumerTag: 0,
  exclusive: 0,
  priority: 0,
  offset: 0,
  trackOffset: 0,
  arguments: 0,
  retry: 0,
  size: 0,
  maxWait: 0,
  itemPipes: 0,
} satisfies Record<keyof BatchOptions, 0>);

const KNOWN: Readonly<Record<ConsumerMetadata['kind'], readonly string[]>> = {
  message: MESSAGE,
  rpc: MESSAGE.filter((name) => name !== 'ack' && name !== 'offset' && name !== 'trackOffset'),
  batch: BATCH,
};

/**
 * What the types of the decorators say, for JavaScript and for options that come from a variable.
 *
 * @param name `BillingConsumer.onOrder`. @throws ConfigurationError
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
