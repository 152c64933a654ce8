import type { Delivery } from '../../lib/client/index.js';

const MAX_LENGTH = 300;
// oxlint-disable-next-line no-control-regex -- they are what is to be kept out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Text from elsewhere, on one line of the log and of bounded length. */
function oneLine(text: string): string {
  const line = text.replace(CONTROL, ' ').trim();
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}

/** An error, for a line of the log. What is thrown and is no error stays out: it may be the payload. */
export function describeError(error: unknown): string {
  return error instanceof Error ? oneLine(`${error.name}: ${error.message}`) : `a thrown ${typeof error}`;
}

/** Names a message, for a line of the log: by its id, or where its publisher gave none by what the broker says. */
export function describeMessage(delivery: Delivery): string {
  let messageId: string | undefined;
  try {
    messageId = delivery.properties.messageId;
  } catch {
    // Properties decode when first asked for, and these are malformed.
  }
  return messageId === undefined
    ? `message without id (delivery ${delivery.deliveryTag}, routing key '${oneLine(delivery.routingKey)}')`
    : `message '${oneLine(messageId)}'`;
}
