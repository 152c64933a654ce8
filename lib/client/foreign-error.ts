import { types } from 'node:util';
import { AmqpError } from './errors.js';
import { textOf } from './text-of.js';

/**
 * Makes an error of what the user's code has thrown. An error stays as it is; anything else becomes the cause of one.
 *
 * @param what the name of the function that has thrown
 */
export function foreignError(thrown: unknown, what: string): Error {
  // Also one of another realm, such as an error of Node's in a Jest test.
  if (thrown instanceof Error || types.isNativeError(thrown)) return thrown;
  return new AmqpError(`${what} failed with ${textOf(thrown)}`, { cause: thrown });
}
