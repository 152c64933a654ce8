import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError } from '../../lib/client/index.js';

/** Issues that the text of one error lists. */
const MAX_ISSUES = 10;
/** Characters of a path or a message that the text repeats. */
const MAX_TEXT = 200;

/**
 * One reason why a payload does not match its contract.
 *
 * @publicApi
 */
export interface ContractIssue {
  /** Path of the value, such as `lines.0.price`. Empty for the payload itself. */
  readonly path: string;
  /** The rule that is broken. It does not repeat the value. */
  readonly message: string;
}

/**
 * What does not match its contract.
 *
 * @publicApi
 */
export type ContractPart = 'event' | 'request' | 'reply';

/**
 * A payload does not match its contract, or the contract has no such event. A publish rejects with it before anything is
 * sent. A message that does not match is refused: an event is parked, a request is answered with this error.
 *
 * @example
 * ```ts
 * await orders.publish('order.created', order).catch((error) => {
 *   if (error instanceof ContractError) console.error(error.event, error.issues);
 *   throw error;
 * });
 * ```
 *
 * @publicApi
 */
export class ContractError extends AmqpError {
  constructor(
    /** The exchange of the contract. */
    readonly exchange: string,
    /** The routing key of the event or request. */
    readonly event: string,
    readonly issues: readonly ContractIssue[],
    readonly part: ContractPart = 'event',
  ) {
    const listed = issues
      .slice(0, MAX_ISSUES)
      .map(({ path, message }) => (path === '' ? shortened(message) : `${shortened(path)}: ${shortened(message)}`));
    if (issues.length > MAX_ISSUES) listed.push(`${issues.length - MAX_ISSUES} more`);
    super(`${part} '${shortened(event)}' of exchange '${exchange}' does not match its contract: ${listed.join('; ')}`);
  }
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

nameErrors({ ContractError });
