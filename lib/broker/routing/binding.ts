import { EncodingError } from '../../protocol/errors.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { tableKey } from '../../protocol/table-key.js';
import { BrokerError } from '../errors.js';
import type { Exchange } from './exchange.js';
import type { Queue } from '../queue/queue.js';

export type Destination = Queue | Exchange;

/** A binding from a source exchange to a queue or to another exchange (https://www.rabbitmq.com/docs/e2e). */
export interface Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/**
 * Returns the same key for equal bindings: those with the same source, destination, routing key and arguments.
 *
 * @throws BrokerError for arguments that RabbitMQ cannot read: a float that is not a number, or infinite
 */
export function bindingKey(source: string, destination: Destination, routingKey: string, args: FieldTable): string {
  try {
    return JSON.stringify([source, destination.kind, destination.name, routingKey, tableKey(args)]);
  } catch (error) {
    if (error instanceof EncodingError) throw new BrokerError('SYNTAX_ERROR', error.message);
    throw error;
  }
}
