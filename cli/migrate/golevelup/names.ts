import type { Node } from 'ts-morph';
import { originOf } from '../source/symbols.js';

export const GOLEVELUP = '@golevelup/nestjs-rabbitmq';
export const GOLEVELUP_MODULES = [GOLEVELUP, 'amqplib', 'amqp-connection-manager'];

/** Returns the name of the golevelup export that a node names; undefined for other nodes. */
export function golevelupName(node: Node | undefined): string | undefined {
  const origin = originOf(node);
  return origin?.module === GOLEVELUP ? origin.name : undefined;
}
