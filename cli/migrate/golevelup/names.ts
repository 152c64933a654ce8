import type { Node } from 'ts-morph';
import { originOf } from '../source/symbols.js';

export const GOLEVELUP = '@golevelup/nestjs-rabbitmq';
export const GOLEVELUP_MODULES = [GOLEVELUP, 'amqplib', 'amqp-connection-manager'];

/** The name of an export of golevelup's, if that is what a node names. */
export function golevelupName(node: Node | undefined): string | undefined {
  const origin = originOf(node);
  return origin?.module === GOLEVELUP ? origin.name : undefined;
}
