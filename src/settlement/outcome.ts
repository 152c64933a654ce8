import { isReadable, reasonOf } from '../common/reason.js';
import { UnreadableError } from './settlement.errors.js';

/** A message that was not handled. */
export interface Failure {
  readonly ok: false;
  /** The value that was thrown. */
  readonly error: unknown;
  /** A guard or a pipe refused it, or it cannot be decoded: it would be refused again. */
  readonly refused: boolean;
  /** Whoever asked was told so: the request is done. */
  readonly answered?: true;
}

/** The result of handling one message. */
export type Outcome = { readonly ok: true } | Failure;

/**
 * The failure of a message.
 *
 * @param thrown anything: a value that throws when it is looked at is replaced by an error that says what it is
 * @param options.refused a guard or a pipe refused the message, or it cannot be decoded. Default false
 */
export function failureOf(thrown: unknown, { refused = false }: { readonly refused?: boolean } = {}): Failure {
  return { ok: false, error: isReadable(thrown) ? thrown : new UnreadableError(reasonOf(thrown)), refused };
}

export const DONE: Outcome = { ok: true };
