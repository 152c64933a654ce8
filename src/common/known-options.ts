import { ConfigurationError } from '../../lib/client/index.js';
import { unknownOption } from '../../lib/option-names/index.js';

/**
 * The names of all options, which an interface and this list share: one that is missing or too many does not compile.
 *
 * ```ts
 * const KNOWN = namesOf({ attempts: 0, then: 0 } satisfies Record<keyof Options, 0>);
 * ```
 */
export function namesOf(names: Record<string, 0>): readonly string[] {
  return Object.keys(names);
}

/**
 * A misspelt option is an error, not a default.
 *
 * @param what place of the options, for the message: `@AmqpConsumer('billing') on Billing.onOrder`
 * @throws ConfigurationError that guesses which was meant and lists all
 */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = unknownOption(given, known);
  if (unknown !== undefined) throw new ConfigurationError(`${what}: ${unknown}`);
}
