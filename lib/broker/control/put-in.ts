import { Buffer } from 'node:buffer';
import { namesOf } from '../../option-names/index.js';
import type { OutgoingProperties } from '../../protocol/types.js';
import { checkShortText, refuseUnknown } from '../checks.js';
import { encodeProperties, Message } from '../queue/message.js';
import type { Vhost } from '../routing/vhost.js';
import { type Journal, JournalMessage } from './journal.js';

/** A message that no client has sent. */
export interface MessageToPutIn {
  /** Default: the default exchange, whose routing keys are the names of queues. */
  readonly exchange?: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties?: OutgoingProperties;
  /** Default `/`. */
  readonly vhost?: string;
}

const MESSAGE = namesOf({
  exchange: 0,
  routingKey: 0,
  body: 0,
  properties: 0,
  vhost: 0,
} satisfies Record<keyof MessageToPutIn, 0>);

/** The result of a publish by the test: the message, for a comparison with the journal, and the queues that took it. */
export interface PutIn {
  readonly message: JournalMessage;
  readonly queues: readonly string[];
}

/**
 * Routes a message as if a client had published it. Its journal entry has connection 0. Faults do not affect it.
 *
 * @throws BrokerError (NOT_FOUND) if the exchange does not exist, RangeError for an unknown or impossible value
 */
export function putIn(vhost: Vhost, journal: Journal, given: MessageToPutIn): PutIn {
  const { exchange = '', routingKey, body, properties = {} } = given;
  refuseUnknown('publish', given, MESSAGE);
  checkShortText('publish: exchange', exchange);
  checkShortText('publish: routingKey', routingKey);
  if (!(body instanceof Uint8Array)) throw new RangeError('publish: body must be a Uint8Array');
  const message = new Message(exchange, [routingKey], encodeProperties(properties), Buffer.from(body));
  const arrival = {
    expiration: properties.expiration === undefined ? undefined : Number(properties.expiration),
    priority: properties.priority ?? 0,
  };
  const routed = [...vhost.route(message)];
  const queues = routed.filter((queue) => queue.publish(message, arrival)).map(({ name }) => name);
  const outcome = queues.length < routed.length ? 'refused' : queues.length > 0 ? 'routed' : 'unroutable';
  const entry = new JournalMessage(message);
  const published = {
    connection: 0,
    channel: 0,
    exchange,
    routingKey,
    mandatory: false,
    message: entry,
    queues,
    outcome,
  } as const;
  journal.add('published', published, { message });
  return { message: entry, queues };
}
