/** A message that was not handled. */
export interface Failure {
  readonly ok: false;
  /** What was thrown. */
  readonly error: unknown;
  /** A guard or a pipe refused it, or it cannot be decoded: it would be refused again. */
  readonly refused: boolean;
  /** Whoever asked was told so: the request is done. */
  readonly answered?: true;
}

/** How the handling of one message ended. */
export type Outcome = { readonly ok: true } | Failure;

export const DONE: Outcome = { ok: true };
