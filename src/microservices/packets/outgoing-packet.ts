import { Buffer } from 'node:buffer';
import { RmqRecord, type ReadPacket, type Serializer } from '@nestjs/microservices';
import type { FieldTable, BasicPublishOptions } from '../../../lib/client/index.js';
import { count, either } from '../../../lib/option-names/index.js';
import { isForDelayedExchange } from '../../delay/delayed-exchange.js';
import { expirationOf } from '../../common/duration.js';
import { DATE, KEYS, PROPERTY_CHECKS } from '../../common/message-checks.js';
import { expectValue, FLAG, TEXT, type ValueCheck } from '../../common/option-values.js';
import { isThenable } from '../../common/thenable.js';
import { refuseEmptied, refuseEmptiedInside, refusePromise } from '../../serialization/payload-kinds.js';
import { SerializationError } from '../../serialization/serialization.errors.js';
import type { AmqpRecordOptions } from './amqp.record.js';

/** A serializer's result: the packet, and options for sending it. */
type Serialized = Record<string, unknown> & { readonly options?: AmqpRecordOptions };

/** An encoded packet. */
export interface OutgoingPacket {
  readonly body: Buffer;
  readonly options: AmqpRecordOptions;
}

const NO_OPTIONS: AmqpRecordOptions = {};
const NO_HEADERS: FieldTable = {};

/** Takes the data and options of records, as `Transport.RMQ` does. */
export const recordSerializer: Serializer<ReadPacket, unknown> = {
  serialize(packet) {
    if (!(packet.data instanceof RmqRecord)) return packet;
    const { data, options } = packet.data as RmqRecord;
    return Object.assign({}, packet, { data: data as unknown, options });
  },
};

/**
 * Encodes a packet, synchronously unless the serializer is asynchronous.
 *
 * @throws the serializer's errors; TypeError for a value that JSON cannot encode; SerializationError for data or a response that
 * JSON would write as an empty object
 */
export function outgoingPacket(serializer: Serializer, packet: unknown): OutgoingPacket | Promise<OutgoingPacket> {
  const serialized: unknown = serializer.serialize(packet);
  return isThenable(serialized) ? Promise.resolve(serialized).then(written) : written(serialized);
}

function written(serialized: unknown): OutgoingPacket {
  check(serialized, (content) => {
    refusePromise(content);
    refuseEmptied(content);
  });
  if (!hasOptions(serialized)) return { body: encoded(serialized), options: NO_OPTIONS };
  const { options = NO_OPTIONS } = serialized;
  // JSON omits undefined properties.
  return { body: encoded(Object.assign({}, serialized, { options: undefined })), options };
}

function encoded(packet: unknown): Buffer {
  const json = JSON.stringify(packet) as string | undefined;
  if (json === undefined) {
    throw new SerializationError(
      `The packet cannot be sent: its serializer made ${typeof packet}, which JSON cannot encode`,
    );
  }
  check(packet, (content) => refuseEmptiedInside(content, json));
  return Buffer.from(json);
}

/** `Transport.RMQ` would send a promise, a Map or an Error as `{}`. @throws SerializationError */
function check(packet: unknown, refuse: (content: object) => void): void {
  for (const part of ['data', 'response'] as const) {
    const content = (packet as Readonly<Record<string, unknown>> | null | undefined)?.[part];
    if (typeof content !== 'object' || content === null) continue;
    try {
      refuse(content);
    } catch (cause) {
      throw new SerializationError(`The ${part} of the packet cannot be sent: ${(cause as Error).message}`, { cause });
    }
  }
}

function hasOptions(serialized: unknown): serialized is Serialized {
  return typeof serialized === 'object' && serialized !== null && 'options' in serialized;
}

/** Defaults of a client's messages. */
export interface MessageDefaults {
  readonly persistent: boolean;
  /** Default true, except for messages to exchanges that keep them for later. */
  readonly mandatory: boolean | undefined;
  readonly headers?: object | undefined;
}

/** The properties of one message; the sender completes them. */
export type MutableProperties = { -readonly [Name in keyof BasicPublishOptions]: BasicPublishOptions[Name] };

/** Options that the core does not have, or has in another form. */
const TRANSLATED: ReadonlySet<string> = new Set<keyof AmqpRecordOptions>([
  'CC',
  'BCC',
  'persistent',
  'deliveryMode',
  'expiration',
  'timestamp',
  'mandatory',
  'headers',
  'timeout',
  'delay',
  'at',
]);

/** Checks of the options that have other names, or more values, than the properties of the core. */
const RECORD_CHECKS: ReadonlyMap<string, ValueCheck> = new Map(
  Object.entries({
    ...PROPERTY_CHECKS,
    CC: either(TEXT, KEYS),
    BCC: either(TEXT, KEYS),
    persistent: FLAG,
    deliveryMode: either(FLAG, count({ min: 1, max: 2 })),
    mandatory: FLAG,
    timestamp: either(count({ min: 0 }), DATE),
  } satisfies { readonly [Name in keyof AmqpRecordOptions]?: ValueCheck }),
);

/**
 * Converts properties with amqplib's names, which records use, to those of the core.
 *
 * @throws ConfigurationError that names the option whose value is wrong
 */
export function messageProperties(options: AmqpRecordOptions, defaults: MessageDefaults): MutableProperties {
  const properties: MutableProperties & Record<string, unknown> = {
    // Always present, as in amqplib, since handlers of the other side read it without a check.
    headers: defaults.headers ?? NO_HEADERS,
    deliveryMode: modeOf(defaults.persistent),
    mandatory: defaults.mandatory ?? !isForDelayedExchange(defaults.headers as FieldTable | undefined),
  };
  if (options === NO_OPTIONS) return properties;
  const { CC, BCC, persistent, deliveryMode, expiration, timestamp, mandatory, headers } = options;
  for (const name in options) {
    const value = options[name as keyof AmqpRecordOptions];
    const check = RECORD_CHECKS.get(name);
    if (value !== undefined && check && !check.fits(value)) expectValue(`options of a record: ${name}`, value, check);
    if (!TRANSLATED.has(name)) properties[name] = value;
  }
  properties.deliveryMode = modeOf(persistent ?? deliveryMode ?? defaults.persistent);
  properties.headers = {
    ...defaults.headers,
    ...headers,
    ...(CC === undefined ? {} : { CC: [CC].flat() }),
    ...(BCC === undefined ? {} : { BCC: [BCC].flat() }),
  };
  properties.mandatory = mandatory ?? defaults.mandatory ?? !isForDelayedExchange(properties.headers as FieldTable);
  if (expiration !== undefined) properties.expiration = expirationOf(expiration);
  if (timestamp !== undefined) properties.timestamp = toDate(timestamp);
  return properties;
}

function modeOf(persistent: boolean | number): number {
  if (typeof persistent === 'number') return persistent;
  return persistent ? 2 : 1;
}

function toDate(timestamp: number | Date): Date {
  return typeof timestamp === 'number' ? new Date(timestamp * 1_000) : timestamp;
}
