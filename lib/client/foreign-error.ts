import { types } from 'node:util';
import { AmqpError } from './errors.js';
import { textOf } from './text-of.js';

/**
 * Returns a thrown value of user code as an error. An error stays unchanged; any other value becomes the cause of a new
 * error.
 *
 * @param what the name of the function that has thrown
 */
export function foreignError(thrown: unknown, what: string): Error {
  // Also for an error of another realm, such as Node's errors in a Jest test.
  if (thrown instanceof Error || types.isNativeError(thrown)) return thrown;
  return new AmqpError(`${what} failed with ${textOf(thrown)}`, { cause: thrown });
}
