import { AmqpError } from './errors.js';
import { textOf } from './text-of.js';

/**
 * Makes an error of what the user's code has thrown. An error stays as it is; anything else becomes the cause of one.
 *
 * @param what the name of the function that has thrown
 */
export function foreignError(thrown: unknown, what: string): Error {
  if (thrown instanceof Error) return thrown;
  return new AmqpError(`${what} failed with ${textOf(thrown)}`, { cause: thrown });
}
