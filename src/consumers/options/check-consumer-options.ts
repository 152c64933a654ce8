import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import {
  checkValues,
  FLAG,
  listOf,
  NAME,
  OBJECT,
  oneOf,
  TEXT,
  WHOLE_NUMBER,
  type ValueCheck,
} from '../../common/option-values.js';
import { RPC_ERRORS } from '../../rpc/told-error.js';
import type { TrackOffsetOptions } from '../stream/stream-options.js';
import type { BatchOptions } from './batch-options.js';
import type { KindOptions } from './consumer-metadata.js';
import type { ConsumerOptions } from './consumer-options.js';
import type { RpcOptions } from './rpc-options.js';
import type { SelectionOptions } from './selection-options.js';

const OFFSET: ValueCheck = {
  fits: (value) =>
    ['first', 'last', 'next'].includes(value as string) ||
    (Number.isSafeInteger(value) && (value as number) >= 0) ||
    (value instanceof Date && !Number.isNaN(value.getTime())),
  expected: "'first', 'last', 'next', a whole number from 0 or a Date",
};

const oneOrSeveral = (fits: (text: string) => boolean, what: string): ValueCheck => ({
  fits: (value) => {
    const all: readonly unknown[] = Array.isArray(value) ? value : [value];
    return all.length > 0 && all.every((one) => typeof one === 'string' && fits(one));
  },
  expected: `${what} or an array of them`,
});

const NAMES = oneOrSeveral((text) => text !== '', 'a string that is not empty');

const HEADER: ValueCheck = {
  fits: (value) => {
    const entries = OBJECT.fits(value) ? Object.entries(value as object) : [];
    return entries.length === 1 && entries.every(([name, patterns]) => name !== '' && NAMES.fits(patterns));
  },
  expected: "an object with one header, such as { 'ce-type': 'order.*' }",
};

/** Checks the values of options that neither `count` nor `timeLimit` checks. */
const VALUES: Readonly<Partial<Record<keyof ConsumerOptions | keyof BatchOptions | keyof RpcOptions, ValueCheck>>> = {
  enabled: FLAG,
  connection: TEXT,
  consumerTag: NAME,
  exclusive: FLAG,
  priority: WHOLE_NUMBER,
  arguments: OBJECT,
  ack: oneOf('auto', 'manual'),
  offset: OFFSET,
  routingKey: oneOrSeveral(() => true, 'a string'),
  type: NAMES,
  header: HEADER,
  bind: NAMES,
  errors: RPC_ERRORS,
  itemPipes: listOf('instances of pipes', 'transform'),
};

const TRACKING = namesOf({ name: 0, store: 0, interval: 0 } satisfies Record<keyof TrackOffsetOptions, 0>);

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

/** The options of consumers that may read a stream, for `namesOf`. */
export const STREAMING = { ...SHARED, offset: 0, trackOffset: 0 } as const;

/** The options of handlers that may be switched off. */
const DECORATED = { enabled: 0 } as const;

/** The options of handlers that may share a consumer. */
const SELECTING = { routingKey: 0, type: 0, header: 0, bind: 0 } satisfies Record<keyof SelectionOptions, 0>;

const KNOWN: Readonly<Record<KindOptions['kind'], readonly string[]>> = {
  message: namesOf({ ...STREAMING, ...DECORATED, ...SELECTING, ack: 0 } satisfies Record<keyof ConsumerOptions, 0>),
  rpc: namesOf({ ...SHARED, ...DECORATED, ...SELECTING, errors: 0 } satisfies Record<keyof RpcOptions, 0>),
  batch: namesOf({ ...STREAMING, ...DECORATED, size: 0, maxWait: 0, itemPipes: 0 } satisfies Record<
    keyof BatchOptions,
    0
  >),
};

/**
 * Checks at the start what the decorators' types check at compile time, since JavaScript and options from a variable
 * bypass the types.
 *
 * @param name the handler, such as `BillingConsumer.onOrder`
 * @throws ConfigurationError
 */
export function checkConsumerOptions(name: string, { kind, options }: KindOptions): void {
  refuseUnknown(name, options, KNOWN[kind]);
  checkValues<ConsumerOptions | BatchOptions | RpcOptions>(name, options, VALUES);
  if (options.trackOffset === undefined) return;
  const place = `${name}: trackOffset`;
  refuseUnknown(place, options.trackOffset, TRACKING);
  const { name: stored = null } = options.trackOffset as Partial<TrackOffsetOptions>;
  checkValues(place, { name: stored }, { name: NAME });
}
