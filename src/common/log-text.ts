import type { Delivery } from '../../lib/client/index.js';

const MAX_LENGTH = 300;
// oxlint-disable-next-line no-control-regex -- they are what is to be kept out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Puts foreign text on one log line of limited length. */
function oneLine(text: string): string {
  const line = text.replace(CONTROL, ' ').trim();
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}

/** Describes an error for a log line. A thrown value that is not an error is left out, since it may be the payload. */
export function describeError(error: unknown): string {
  return error instanceof Error ? oneLine(`${error.name}: ${error.message}`) : `a thrown ${typeof error}`;
}

/** Names a message for a log line: by its id or, without one, by the values that the broker adds. */
export function describeMessage(delivery: Delivery): string {
  let messageId: string | undefined;
  try {
    messageId = delivery.properties.messageId;
  } catch {
    // Properties are decoded at their first use, and these are malformed.
  }
  return messageId === undefined
    ? `message without id (delivery ${delivery.deliveryTag}, routing key '${oneLine(delivery.routingKey)}')`
    : `message '${oneLine(messageId)}'`;
}
