import type { OutgoingProperties } from '../../protocol/types.js';
import { properties } from '../../protocol/spec.js';
import { unknownOption } from '../../option-names/index.js';
import { ConfigurationError } from '../errors.js';

/** The message's properties, and how to publish it. */
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
 * message could be lost. Called for each publish: it takes some nanoseconds a name, since `for in` over a plain object
 * creates no array.
 *
 * @returns the clock time of the call, where it is known
 * @throws ConfigurationError that names the right option, or for an unknown delivery mode
 */
export function checkedAt(options: BasicPublishOptions & { readonly [CHECKED_AT]?: number }): number | undefined {
  const calledAt = options[CHECKED_AT];
  if (calledAt !== undefined) return calledAt;
  for (const name in options) if (!KNOWN.has(name)) refuse(name);
  const { deliveryMode } = options;
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2) refuseDeliveryMode(deliveryMode);
  return undefined;
}

/** Returns the error for options that are no object. */
export function notOptions(given: never): ConfigurationError {
  return new ConfigurationError(`publish: ${unknownOption(given, [...KNOWN])}`);
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
