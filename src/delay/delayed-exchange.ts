import { TypedField, type FieldTable, type FieldValue } from '../../lib/client/index.js';

/**
 * Returns true for a message that exchanges of type `x-delayed-message` keep for later. RabbitMQ returns it if it is mandatory,
 * although it will deliver it (https://github.com/rabbitmq/rabbitmq-delayed-message-exchange#limitations).
 */
export function isForDelayedExchange(headers: FieldTable | undefined): boolean {
  return headers !== undefined && 'x-delay' in headers && Number(untyped(headers['x-delay'])) > 0;
}

const untyped = (value: FieldValue): FieldValue => (value instanceof TypedField ? value.value : value);
