import { ConfigurationError } from '../../lib/client/index.js';
import { unknownOption } from '../../lib/option-names/index.js';

/**
 * Refuses unknown option names, since a misspelt option would silently have its default.
 *
 * @param what owner of the options, for the error: `@AmqpConsumer('billing') on Billing.onOrder`
 * @throws ConfigurationError that suggests the nearest known name and lists all
 */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = unknownOption(given, known);
  if (unknown !== undefined) throw new ConfigurationError(`${what}: ${unknown}`);
}
