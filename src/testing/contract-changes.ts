import { agreementsOf } from '../contracts/changes/agreements.js';
import { breaksOf, type ContractBreak } from '../contracts/changes/contract-breaks.js';
import type { EventContract } from '../contracts/event-contract.js';
import type { RpcContract } from '../contracts/rpc-contract.js';

/**
 * Compares a contract with an earlier one: returns each change that breaks services that have not been deployed again, and an
 * empty array if there is none. It compares the JSON Schemas of the payloads that the validators accept; for classes, those of
 * the decorators of class-validator and `@nestjs/swagger`. A rule that it cannot compare, such as another `pattern`, counts as
 * a break for both sides. It ignores rules that JSON Schema cannot express.
 *
 * @example
 * ```ts
 * expect(contractBreaks(released, orders)).toEqual([]);
 * ```
 *
 * @throws ConfigurationError for a schema without a JSON Schema (https://standardschema.dev/json-schema)
 * @publicApi
 */
export function contractBreaks(
  before: EventContract | RpcContract,
  after: EventContract | RpcContract,
): readonly ContractBreak[] {
  return breaksOf(agreementsOf(before), agreementsOf(after));
}
