import type { Node } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { bare } from '../source/reading.js';
import { golevelupName } from './names.js';

/** The settlement by golevelup of a message whose handler throws. */
export type ErrorBehavior = 'ACK' | 'NACK' | 'REQUEUE';

const HANDLERS: Readonly<Record<string, ErrorBehavior>> = {
  ackErrorHandler: 'ACK',
  defaultNackErrorHandler: 'NACK',
  requeueErrorHandler: 'REQUEUE',
};

/** The option `retry` for each behavior; undefined for the default. */
export const RETRY: Readonly<Record<ErrorBehavior, string | undefined>> = {
  ACK: "{ attempts: 1, then: 'discard' }",
  NACK: "{ attempts: 1, then: 'dead-letter' }",
  REQUEUE: undefined,
};

/** Reads `errorBehavior: MessageHandlerErrorBehavior.NACK`. */
export function readErrorBehavior(draft: Draft, node: Node): ErrorBehavior | undefined {
  const { Node: Kind } = ast();
  const plain = bare(node);
  if (
    Kind.isPropertyAccessExpression(plain) &&
    golevelupName(plain.getExpression()) === 'MessageHandlerErrorBehavior' &&
    plain.getName() in RETRY
  ) {
    return plain.getName() as ErrorBehavior;
  }
  draft.refuse(node, 'an error behavior that is none of ACK, NACK and REQUEUE');
  return undefined;
}

/** Reads an error handler, which has to be one of golevelup's. */
export function readErrorHandler(draft: Draft, node: Node): ErrorBehavior | undefined {
  const name = golevelupName(bare(node));
  const known = name === undefined ? undefined : HANDLERS[name];
  if (!known) {
    draft.refuse(
      node,
      'an error handler of your own: an exception filter, or RejectMessage, RequeueMessage and RetryMessage thrown by the handler',
    );
  }
  return known;
}
