import { Buffer } from 'node:buffer';
import { RmqRecord, type ReadPacket, type Serializer } from '@nestjs/microservices';
import type { FieldTable, MessageProperties } from '../../lib/client/index.js';
import type { AmqpRecordOptions } from './amqp.record.js';

/** What a serializer makes of a packet: the packet, and how to send it. */
type Serialized = Record<string, unknown> & { readonly options?: AmqpRecordOptions };

/** A packet as it goes out. */
export interface OutgoingPacket {
  readonly body: Buffer;
  readonly options: AmqpRecordOptions;
}

/** Takes records apart, as `Transport.RMQ` does. */
export const recordSerializer: Serializer<ReadPacket, unknown> = {
  serialize(packet) {
    if (!(packet.data instanceof RmqRecord)) return packet;
    const { data, options } = packet.data as RmqRecord;
    return { ...packet, data: data as unknown, options };
  },
};

/** @throws what the serializer throws, and TypeError for what JSON has no form for */
export async function outgoingPacket(serializer: Serializer, packet: unknown): Promise<OutgoingPacket> {
  const { options = {}, ...rest } = (await serializer.serialize(packet)) as Serialized;
  return { body: Buffer.from(JSON.stringify(rest)), options };
}

/** Defaults of a client's messages. */
export interface MessageDefaults {
  readonly persistent: boolean;
  readonly mandatory: boolean;
  readonly headers?: FieldTable | undefined;
}

/** Properties in the words of amqplib, which records use, as the core takes them. */
export function messageProperties(
  options: AmqpRecordOptions,
  defaults: MessageDefaults,
): MessageProperties & { readonly mandatory: boolean } {
  const { CC, BCC, persistent, deliveryMode, expiration, timestamp, mandatory, headers, timeout: _, ...rest } = options;
  return {
    ...rest,
    mandatory: mandatory ?? defaults.mandatory,
    deliveryMode: modeOf(persistent ?? deliveryMode ?? defaults.persistent),
    // Always there, as amqplib has it: handlers at the other side look into it without asking.
    headers: {
      ...defaults.headers,
      ...headers,
      ...(CC === undefined ? {} : { CC: [CC].flat() }),
      ...(BCC === undefined ? {} : { BCC: [BCC].flat() }),
    },
    ...(expiration === undefined ? {} : { expiration: String(expiration) }),
    ...(timestamp === undefined ? {} : { timestamp: toDate(timestamp) }),
  };
}

function modeOf(persistent: boolean | number): number {
  if (typeof persistent === 'number') return persistent;
  return persistent ? 2 : 1;
}

function toDate(timestamp: number | Date): Date {
  return typeof timestamp === 'number' ? new Date(timestamp * 1_000) : timestamp;
}
