import type { Buffer } from 'node:buffer';
import { WireError } from './errors.js';
import { methodId } from './methods.js';
import type { DeliverNames } from './name-cache.js';
import { readUint64 } from './uint.js';

/** The methods that arrive per message, read by hand; a property test holds them to the table's reading. */

export const DELIVER = methodId('basic.deliver');
export const ACK = methodId('basic.ack');
export const NACK = methodId('basic.nack');

export interface DeliverArguments {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
}

/** Reads basic.deliver's arguments behind its ids. @throws WireError */
export function readDeliver(buffer: Buffer, start: number, end: number, names: DeliverNames): DeliverArguments {
  const tagEnd = start + 5 + octet(buffer, start + 4, end);
  const exchangeAt = tagEnd + 9;
  const exchangeEnd = exchangeAt + 1 + octet(buffer, exchangeAt, end);
  const keyEnd = exchangeEnd + 1 + octet(buffer, exchangeEnd, end);
  if (keyEnd !== end) throw malformed('basic.deliver');
  return {
    consumerTag: names.consumerTags.read(buffer, start + 5, tagEnd),
    deliveryTag: readUint64(buffer, tagEnd),
    redelivered: (buffer[tagEnd + 8]! & 1) !== 0,
    exchange: names.exchanges.read(buffer, exchangeAt + 1, exchangeEnd),
    routingKey: names.routingKeys.read(buffer, exchangeEnd + 1, keyEnd),
  };
}

/** The delivery tag of basic.ack or basic.nack; its bits are in the octet behind. @throws WireError */
export function readDeliveryTag(buffer: Buffer, start: number, end: number): number {
  if (end - start !== 13) throw malformed('basic.ack or basic.nack');
  return readUint64(buffer, start + 4);
}

/** Bit 0 of the octet behind the delivery tag: `multiple`, in basic.ack and basic.nack alike. */
export function readMultiple(buffer: Buffer, start: number): boolean {
  return (buffer[start + 12]! & 1) !== 0;
}

function octet(buffer: Buffer, at: number, end: number): number {
  if (at >= end) throw malformed('basic.deliver');
  return buffer[at]!;
}

function malformed(what: string): WireError {
  return new WireError('SYNTAX_ERROR', `${what} whose arguments do not fill their frame`);
}
