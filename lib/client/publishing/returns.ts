import type { Buffer } from 'node:buffer';
import { ByteWriter } from '../../protocol/bytes.js';
import { writeProperties } from '../../protocol/properties.js';
import type { Confirms } from './confirms.js';
import type { Publish } from './publish.js';
import type { ReturnedMessage } from '../errors.js';

/**
 * Finds the publish that a basic.return belongs to. Nothing on the wire says so, and nothing is added to it: RabbitMQ
 * returns before it confirms, so the publish is among the unconfirmed mandatory ones of the channel. It is the one with
 * the same message id; without an id, the oldest with the same content, for equal messages are interchangeable.
 */
export function findReturned(
  confirms: Confirms,
  returned: ReturnedMessage,
  encodedProperties: Buffer,
): Publish | undefined {
  const address = (publish: Publish): boolean =>
    publish.mandatory &&
    !publish.settled &&
    publish.exchange === returned.exchange &&
    (publish.writtenKey ?? publish.routingKey) === returned.routingKey;
  const { messageId } = returned.properties;
  if (messageId !== undefined) {
    return confirms.find((publish) => publish.properties.messageId === messageId && address(publish));
  }
  const body = (publish: Publish): boolean =>
    address(publish) &&
    publish.properties.messageId === undefined &&
    returned.bodySize === publish.body.length &&
    // A body over maxMessageSize is not kept: its size has to do.
    (returned.body.length < returned.bodySize || returned.body.equals(publish.body));
  return (
    confirms.find((publish) => body(publish) && encode(publish).equals(encodedProperties)) ??
    // A broker's plugin may have changed the properties on the way.
    confirms.find(body)
  );
}

const scratch = new ByteWriter();

function encode({ properties }: Publish): Buffer {
  scratch.reset();
  writeProperties(scratch, properties);
  return scratch.view();
}
