import { Buffer } from 'node:buffer';
import { RmqRecord, type ReadPacket, type Serializer } from '@nestjs/microservices';
import type { FieldTable, PublishOptions } from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import type { AmqpRecordOptions } from './amqp.record.js';

/** What a serializer may make of a packet: the packet, and how to send it. */
type Serialized = Record<string, unknown> & { readonly options?: AmqpRecordOptions };

/** A packet as it goes out. */
export interface OutgoingPacket {
  readonly body: Buffer;
  readonly options: AmqpRecordOptions;
}

const NO_OPTIONS: AmqpRecordOptions = {};
const NO_HEADERS: FieldTable = {};

/** Takes records apart, as `Transport.RMQ` does. */
export const recordSerializer: Serializer<ReadPacket, unknown> = {
  serialize(packet) {
    if (!(packet.data instanceof RmqRecord)) return packet;
    const { data, options } = packet.data as RmqRecord;
    return Object.assign({}, packet, { data: data as unknown, options });
  },
};

/**
 * At once, unless the serializer takes its time.
 *
 * @throws what the serializer throws, and TypeError for what JSON has no form for
 */
export function outgoingPacket(serializer: Serializer, packet: unknown): OutgoingPacket | Promise<OutgoingPacket> {
  const serialized: unknown = serializer.serialize(packet);
  return isThenable(serialized) ? Promise.resolve(serialized).then(written) : written(serialized);
}

function written(serialized: unknown): OutgoingPacket {
  if (!hasOptions(serialized)) return { body: Buffer.from(JSON.stringify(serialized)), options: NO_OPTIONS };
  const { options = NO_OPTIONS } = serialized;
  // What is undefined JSON leaves out.
  const packet = Object.assign({}, serialized, { options: undefined });
  return { body: Buffer.from(JSON.stringify(packet)), options };
}

function hasOptions(serialized: unknown): serialized is Serialized {
  return typeof serialized === 'object' && serialized !== null && 'options' in serialized;
}

/** Defaults of a client's messages. */
export interface MessageDefaults {
  readonly persistent: boolean;
  readonly mandatory: boolean;
  readonly headers?: object | undefined;
}

/** The properties of one message, to be completed by whoever sends it. */
export type MutableProperties = { -readonly [Name in keyof PublishOptions]: PublishOptions[Name] };

/** What the core does not have, or in another form. */
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
]);

/** Properties in the words of amqplib, which records use, as the core takes them. */
export function messageProperties(options: AmqpRecordOptions, defaults: MessageDefaults): MutableProperties {
  const properties: MutableProperties & Record<string, unknown> = {
    // Always there, as amqplib has it: handlers at the other side look into it without asking.
    headers: defaults.headers ?? NO_HEADERS,
    deliveryMode: modeOf(defaults.persistent),
    mandatory: defaults.mandatory,
  };
  if (options === NO_OPTIONS) return properties;
  const { CC, BCC, persistent, deliveryMode, expiration, timestamp, mandatory, headers } = options;
  for (const name in options) {
    if (!TRANSLATED.has(name)) properties[name] = options[name as keyof AmqpRecordOptions];
  }
  properties.mandatory = mandatory ?? defaults.mandatory;
  properties.deliveryMode = modeOf(persistent ?? deliveryMode ?? defaults.persistent);
  properties.headers = {
    ...defaults.headers,
    ...headers,
    ...(CC === undefined ? {} : { CC: [CC].flat() }),
    ...(BCC === undefined ? {} : { BCC: [BCC].flat() }),
  };
  if (expiration !== undefined) properties.expiration = String(expiration);
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
