import type { Attributes } from '@opentelemetry/api';
import type { BrokerPeer, Delivery, ReceiveTrace, SettleTrace } from '../../lib/client/index.js';
import { DIRECT_REPLY_TO } from '../rpc/direct-reply-to.js';
import { isDirectReply, isServerNamed } from './broker-names.js';

/*
 * Names of the semantic conventions for messaging and RabbitMQ, version 1.44, all of them in development:
 * https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/messaging/rabbitmq.md
 * They are written out here, since the package of the conventions may remove such names in any minor version.
 */
const SYSTEM = 'messaging.system';
const OPERATION_NAME = 'messaging.operation.name';
const OPERATION_TYPE = 'messaging.operation.type';
const DESTINATION = 'messaging.destination.name';
const ANONYMOUS = 'messaging.destination.anonymous';
const TEMPORARY = 'messaging.destination.temporary';
const ROUTING_KEY = 'messaging.rabbitmq.destination.routing_key';
const DELIVERY_TAG = 'messaging.rabbitmq.message.delivery_tag';
const MESSAGE_ID = 'messaging.message.id';
const CONVERSATION_ID = 'messaging.message.conversation_id';
const BATCH_COUNT = 'messaging.batch.message_count';
const CLIENT_ID = 'messaging.client.id';
const SERVER_ADDRESS = 'server.address';
const SERVER_PORT = 'server.port';
export const ERROR_TYPE = 'error.type';

/** Names of our own. */
const HANDLER = 'nest_amqp.handler';
const ATTEMPT = 'nest_amqp.attempt';
const PATTERN = 'nest_amqp.pattern';
const QUEUE = 'nest_amqp.queue';
const REQUEUE = 'nest_amqp.requeue';
/** On a link: the span that it leads to, from the message's view. */
export const LINK = 'nest_amqp.link';

/** The properties of a message that spans tell. */
export interface Ids {
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
}

/** The name of a span. Its destination is the exchange or the queue: routing keys may contain ids. */
export function spanName(operation: string, exchange: string, queue: string): string {
  const destination = exchange === '' ? queue : exchange;
  return isAnonymous(destination) ? operation : `${operation} ${destination}`;
}

/** Attributes of a span that sends one message. */
export function sendAttributes(
  operation: string,
  message: { readonly exchange: string; readonly routingKey: string; readonly peer?: BrokerPeer | undefined },
  { messageId, correlationId }: Ids,
): Attributes {
  const { exchange, peer } = message;
  const routingKey = withoutRequest(message.routingKey);
  return {
    [SYSTEM]: 'rabbitmq',
    [OPERATION_NAME]: operation,
    [OPERATION_TYPE]: 'send',
    [DESTINATION]: [exchange, routingKey].filter((part) => part !== '').join(':') || 'amq.default',
    [ROUTING_KEY]: routingKey === '' ? undefined : routingKey,
    ...anonymity(exchange === '' ? routingKey : ''),
    [MESSAGE_ID]: messageId,
    [CONVERSATION_ID]: correlationId,
    ...peerAttributes(peer),
  };
}

/** Attributes of a span that handles messages. */
export function processAttributes(message: {
  readonly queue: string;
  readonly deliveries: readonly Delivery[];
  readonly batch: boolean;
  readonly handler: string | undefined;
  readonly attempt: number | undefined;
  readonly peer: BrokerPeer | undefined;
}): Attributes {
  const { queue, deliveries, batch, handler, attempt, peer } = message;
  const [delivery] = deliveries;
  return {
    [SYSTEM]: 'rabbitmq',
    [OPERATION_NAME]: 'process',
    [OPERATION_TYPE]: 'process',
    ...(batch || !delivery
      ? { [DESTINATION]: queue, [BATCH_COUNT]: deliveries.length }
      : { [DESTINATION]: consumedFrom(delivery, queue), ...messageAttributes(delivery) }),
    ...anonymity(queue),
    [QUEUE]: queue,
    [HANDLER]: handler,
    [ATTEMPT]: attempt,
    ...peerAttributes(peer),
  };
}

/** Attributes of a span that settles a message. Its queue is not known. */
export function settleAttributes({ delivery, method, requeue }: SettleTrace): Attributes {
  return {
    [SYSTEM]: 'rabbitmq',
    [OPERATION_NAME]: method,
    [OPERATION_TYPE]: 'settle',
    [DESTINATION]: consumedFrom(delivery, '') || 'amq.default',
    ...messageAttributes(delivery),
    [REQUEUE]: method === 'ack' ? undefined : requeue,
    ...peerAttributes(delivery.peer),
  };
}

/** Attributes of a span that asks for one message. */
export function receiveAttributes({ queue, peer }: ReceiveTrace): Attributes {
  return {
    [SYSTEM]: 'rabbitmq',
    [OPERATION_NAME]: 'get',
    [OPERATION_TYPE]: 'receive',
    [DESTINATION]: queue,
    ...anonymity(queue),
    [QUEUE]: queue,
    ...peerAttributes(peer),
  };
}

/** Attributes of that span once it has got a message. */
export function receivedAttributes(delivery: Delivery, queue: string): Attributes {
  return { [DESTINATION]: consumedFrom(delivery, queue), ...messageAttributes(delivery) };
}

/** Attributes of one message, on its span or on its link from a batch. */
export function messageAttributes(delivery: Delivery): Attributes {
  const { messageId, correlationId } = idsOf(delivery);
  return {
    [ROUTING_KEY]: delivery.routingKey === '' ? undefined : delivery.routingKey,
    [DELIVERY_TAG]: delivery.deliveryTag,
    [MESSAGE_ID]: messageId,
    [CONVERSATION_ID]: correlationId,
  };
}

export function patternAttribute(pattern: string): Attributes {
  return { [PATTERN]: pattern };
}

function consumedFrom({ exchange, routingKey }: Delivery, queue: string): string {
  const parts = [exchange, routingKey, queue].filter((part) => part !== '');
  return (routingKey === queue ? [exchange, queue].filter((part) => part !== '') : parts).join(':');
}

function idsOf(delivery: Delivery): Ids {
  try {
    return delivery.properties;
  } catch {
    // Malformed.
    return {};
  }
}

function peerAttributes(peer: BrokerPeer | undefined): Attributes {
  if (!peer) return {};
  return { [SERVER_ADDRESS]: peer.host, [SERVER_PORT]: peer.port, [CLIENT_ID]: peer.connectionName };
}

function anonymity(queue: string): Attributes {
  return isAnonymous(queue) ? { [ANONYMOUS]: true, [TEMPORARY]: true } : {};
}

/** Returns true if the broker has made the name. */
function isAnonymous(queue: string): boolean {
  return isServerNamed(queue) || isDirectReply(queue);
}

/** The address of a direct reply names one request. */
function withoutRequest(routingKey: string): string {
  return isDirectReply(routingKey) ? DIRECT_REPLY_TO : routingKey;
}
