import { types } from 'node:util';
import { AmqpError } from './errors.js';
import { textOf } from './text-of.js';

/** The names of errors that JavaScript throws for defects of code; `fetch` throws them for the network, too. */
const OF_JAVASCRIPT: ReadonlySet<string> = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError']);

/**
 * Returns a thrown value of user code as an error. An error stays unchanged. Any other value becomes the cause of a new
 * error, and so does an error of JavaScript, such as a TypeError: its text does not tell which function has thrown it.
 *
 * @param what the name of the function that has thrown
 */
export function foreignError(thrown: unknown, what: string): Error {
  // Also for an error of another realm, such as Node's errors in a Jest test.
  if ((thrown instanceof Error || types.isNativeError(thrown)) && !OF_JAVASCRIPT.has(thrown.name)) return thrown;
  return new AmqpError(`${what} failed with ${textOf(thrown)}`, { cause: thrown });
}
