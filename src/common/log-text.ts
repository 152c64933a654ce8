import type { Delivery } from '../../lib/client/index.js';
import { reasonOf } from './reason.js';

/** Maximum characters of a name, such as a routing key. */
const MAX_LENGTH = 300;
/** Maximum characters of a reason with all its causes. */
const MAX_REASON = 1_000;
// oxlint-disable-next-line no-control-regex -- they are what is to be kept out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Puts foreign text on one log line of limited length. */
function oneLine(text: string, max = MAX_LENGTH): string {
  const line = text.replace(CONTROL, ' ').trim();
  return line.length > max ? `${line.slice(0, max)}…` : line;
}

/** Describes the reason of a failure for a log line, see {@link reasonOf}. */
export const describeError = (error: unknown): string => inLog(reasonOf(error));

/** Puts a reason on a log line. */
export const inLog = (reason: string): string => oneLine(reason, MAX_REASON);

/** Returns the message id; undefined if there is none, or if the properties, which are decoded at their first use, are malformed. */
export function messageIdOf(delivery: Delivery): string | undefined {
  try {
    return delivery.properties.messageId;
  } catch {
    return undefined;
  }
}

/** Names a message for a log line: by its id or, without one, by the values that the broker adds. */
export function describeMessage(delivery: Delivery): string {
  const messageId = messageIdOf(delivery);
  return messageId === undefined
    ? `message without id (delivery ${delivery.deliveryTag}, routing key '${oneLine(delivery.routingKey)}')`
    : `message '${oneLine(messageId)}'`;
}
