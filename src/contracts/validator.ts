import type { ContractError, ContractIssue } from './contract.errors.js';

/** Makes the error of one event. */
export type Refuse = (issues: readonly ContractIssue[]) => ContractError;

/** Validates the payloads of one event. Returns a promise only if the validator does. */
export interface Validator {
  /** Returns what is sent. @throws ContractError */
  readonly outgoing: (payload: unknown) => unknown;
  /** Returns what the handler gets. @throws ContractError */
  readonly incoming: (payload: unknown) => unknown;
}
