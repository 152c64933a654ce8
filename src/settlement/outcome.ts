import { isReadable, reasonOf } from '../common/reason.js';
import { UnreadableError } from './settlement.errors.js';

/** A message that was not handled. */
export interface Failure {
  readonly ok: false;
  /** The value that was thrown. */
  readonly error: unknown;
  /** True if a guard or a pipe has refused the message, or it cannot be decoded: each attempt would fail. */
  readonly refused: boolean;
  /** True if the error was sent as the reply to the request. */
  readonly answered?: true;
  /** The id that the reply has in place of the error, if the reply hides the error. */
  readonly errorId?: string | undefined;
  /** The handler that failed, where a consumer has several: `pattern 'order.created'`. For the log. */
  readonly handler?: string;
}

/** The result of handling one message. */
export type Outcome = { readonly ok: true } | Failure;

/**
 * The failure of a message.
 *
 * @param thrown any value; one that throws when it is read is replaced by an error that describes it
 * @param options.refused a guard or a pipe refused the message, or it cannot be decoded. Default false
 * @param options.handler the handler that failed, where a consumer has several. Default: the consumer's only one
 */
export function failureOf(
  thrown: unknown,
  { refused = false, ...of }: { readonly refused?: boolean; readonly handler?: string } = {},
): Failure {
  return { ok: false, error: isReadable(thrown) ? thrown : new UnreadableError(reasonOf(thrown)), refused, ...of };
}

export const DONE: Outcome = { ok: true };
