import type { FieldTable } from '../../protocol/field-table.js';
import type { Exchange } from './exchange.js';
import { canonical } from './field-values.js';
import type { Queue } from '../queue/queue.js';

export type Destination = Queue | Exchange;

/** A binding from a source exchange to a queue or to another exchange (https://www.rabbitmq.com/docs/e2e). */
export interface Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** Returns the same key for equal bindings: those with the same source, destination, routing key and arguments. */
export function bindingKey(source: string, destination: Destination, routingKey: string, args: FieldTable): string {
  return JSON.stringify([source, destination.kind, destination.name, routingKey, canonical(args)]);
}
