import type { Buffer } from 'node:buffer';
import { ByteWriter } from '../../protocol/bytes.js';
import { writeProperties } from '../../protocol/properties.js';
import type { Confirms } from './confirms.js';
import type { Publish } from './publish.js';
import type { ReturnedMessage } from '../errors.js';

/**
 * Finds the publish of a basic.return. The wire does not tell, and the client adds nothing to the message. RabbitMQ
 * returns a message before it confirms it, so the publish is one of the channel's unconfirmed mandatory ones: the one
 * with the same message id or, without an id, the oldest with the same content, since equal messages are
 * interchangeable.
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
    // A body over maxMessageSize is not kept, so only its size is compared.
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
