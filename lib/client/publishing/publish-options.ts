import { EncodingError } from '../../protocol/errors.js';
import { EncodedField } from '../../protocol/field-table.js';
import type { OutgoingProperties } from '../../protocol/types.js';
import { properties } from '../../protocol/spec.js';
import { FLAG, unknownOption } from '../../option-names/index.js';
import { ConfigurationError } from '../errors.js';
import { checkValue } from '../option-checks.js';

/**
 * The message's properties (section 1.8), and how to publish it.
 *
 * @example
 * ```ts
 * { contentType: 'application/json', deliveryMode: 2, mandatory: true, timeout: 5_000 }
 * ```
 */
export interface BasicPublishOptions extends OutgoingProperties {
  /** Reject with `MessageReturnedError` if no queue is bound for the message. Default false. */
  readonly mandatory?: boolean | undefined;
  /**
   * Deadline from the call to the confirm, including waits, in ms; Infinity for none. Default: the channel's
   * `publishTimeout`.
   */
  readonly timeout?: number | undefined;
  /** Ends the wait with the signal's reason. A message that was sent stays sent. */
  readonly signal?: AbortSignal | undefined;
}

/** @internal The names of a message's properties, for lists of options that contain them; see `namesOf`. */
export const MESSAGE_PROPERTIES = Object.fromEntries(Object.keys(properties).map((name) => [name, 0])) as Readonly<
  Record<keyof typeof properties, 0>
>;

const KNOWN: ReadonlySet<string> = new Set([...Object.keys(properties), 'mandatory', 'timeout', 'signal']);

/** Maps names of options that other clients use, or that people expect, to the option to use here. */
const INSTEAD: Readonly<Record<string, string>> = {
  persistent: 'deliveryMode: 2',
  durable: 'deliveryMode: 2',
  CC: "headers: { CC: ['key'] }",
  BCC: "headers: { BCC: ['key'] }",
  deliverymode: 'deliveryMode',
  delivery_mode: 'deliveryMode',
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  message_id: 'messageId',
  user_id: 'userId',
  app_id: 'appId',
  ttl: 'expiration: 60_000',
  exchange: 'the first argument of publish()',
  routingKey: 'the second argument of publish()',
  arguments: 'headers',
};

/** @internal In checked options: the clock time of the call, ms. */
export const CHECKED_AT: unique symbol = Symbol('checkedAt');

/**
 * Checks the options unless they are checked already. An unknown option would be ignored, and with `persistent` the
 * message could be lost; `mandatory: 'true'` would not be mandatory; and for an invalid expiration or `CC` RabbitMQ closes
 * the channel, with all publishes on it. Types of the other properties are checked when they are encoded. Called for each
 * publish: it takes some nanoseconds a name, since `for in` over a plain object creates no array.
 *
 * @returns the clock time of the call, where it is known
 * @throws ConfigurationError that names the right option, for an unknown delivery mode, or for a `mandatory` that is no flag
 * @throws EncodingError for a property that RabbitMQ refuses
 */
export function checkedAt(options: BasicPublishOptions & { readonly [CHECKED_AT]?: number }): number | undefined {
  const calledAt = options[CHECKED_AT];
  if (calledAt !== undefined) return calledAt;
  for (const name in options) if (!KNOWN.has(name)) refuse(name);
  const { deliveryMode, mandatory, expiration, headers } = options;
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2) refuseDeliveryMode(deliveryMode);
  if (mandatory !== undefined && typeof mandatory !== 'boolean') checkValue('publish: mandatory', mandatory, FLAG);
  if (typeof expiration === 'string' && !isMilliseconds(expiration)) refuseExpiration();
  if (headers !== undefined) checkKeys(headers);
  return undefined;
}

/** Returns the error for options that are no object. */
export function notOptions(given: never): ConfigurationError {
  return new ConfigurationError(`publish: ${unknownOption(given, [...KNOWN])}`);
}

/**
 * @internal True for the text of an expiration that RabbitMQ accepts: a whole number of ms, which may exceed 32 bits
 * (https://www.rabbitmq.com/docs/ttl#per-message-ttl-in-publishers).
 */
export function isMilliseconds(text: string): boolean {
  return /^\d{1,255}$/.test(text);
}

/**
 * @internal True for a value that RabbitMQ accepts as header `CC` or `BCC`: an array, also one that was received. It ignores
 * members that are no strings (https://www.rabbitmq.com/docs/sender-selected).
 */
export function isKeyList(value: unknown): boolean {
  return Array.isArray(value) || (value instanceof EncodedField && value.bytes[0] === ARRAY);
}

/** Letter of the type, in a field table. */
const ARRAY = 'A'.charCodeAt(0);

function checkKeys(headers: { readonly CC?: unknown; readonly BCC?: unknown } | null): void {
  if (headers === null) return;
  const { CC, BCC } = headers;
  if (CC !== undefined && !isKeyList(CC)) refuseKeys('CC');
  if (BCC !== undefined && !isKeyList(BCC)) refuseKeys('BCC');
}

function refuseKeys(name: string): never {
  throw new EncodingError(`publish: headers.${name} must be an array of routing keys`);
}

function refuseExpiration(): never {
  throw new EncodingError('publish: expiration must be a whole number of ms: a number, or a string of digits');
}

/** A broker knows no other octet. A value that is no octet is refused when it is encoded. */
function refuseDeliveryMode(given: number): void {
  if (Number.isInteger(given) && given >= 0 && given <= 0xff) {
    throw new ConfigurationError('publish: deliveryMode must be 1 (transient) or 2 (persistent)');
  }
}

function refuse(name: string): never {
  const instead = Object.hasOwn(INSTEAD, name) ? `unknown option '${name}'; use ${INSTEAD[name]}` : undefined;
  throw new ConfigurationError(`publish: ${instead ?? unknownOption({ [name]: 0 }, [...KNOWN])}`);
}
