import { isDeepStrictEqual } from 'node:util';
import { ConfigurationError } from '../../../lib/client/index.js';
import type { EventContract } from '../../contracts/event-contract.js';
import type { ContractSchema } from '../../contracts/contract-types.js';
import { gapsOf, type JsonSchema } from './schema-gaps.js';

/**
 * One way in which a change of a contract breaks a service that still has the contract of before.
 *
 * @publicApi
 */
export interface ContractBreak {
  /** `publishers`: consumers of after refuse what it publishes. `consumers`: it refuses what publishers of after publish. */
  readonly breaks: 'publishers' | 'consumers';
  readonly event: string;
  /** Path of the value, such as `lines.*.price`, with `*` for items of lists and for fields without a name. */
  readonly path: string;
  readonly message: string;
}

/** A schema by https://standardschema.dev/json-schema. */
interface WithJsonSchema {
  readonly '~standard'?: {
    readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => JsonSchema };
  };
}

/**
 * Compares a contract with the one of before: returns what breaks services that have not been deployed again, and nothing if
 * the change is compatible for all of them. It compares the JSON Schemas of what the validators accept. A rule that it cannot
 * compare, such as another `pattern`, counts as broken for both; it does not see rules that JSON Schema cannot express.
 *
 * @example
 * ```ts
 * expect(contractBreaks(released, orders)).toEqual([]);
 * ```
 *
 * @throws ConfigurationError for a schema without a JSON Schema (https://standardschema.dev/json-schema), such as a class
 * @publicApi
 */
export function contractBreaks(before: EventContract, after: EventContract): readonly ContractBreak[] {
  const breaks: ContractBreak[] = [];
  for (const [event, old] of Object.entries(before.schemas)) {
    const changed = after.schemas[event];
    if (!changed) {
      breaks.push(...forBoth(event, 'the event is removed'));
      continue;
    }
    const [oldPlace, newPlace] = [
      [before.exchange, before.routeOf(event)],
      [after.exchange, after.routeOf(event)],
    ];
    if (!isDeepStrictEqual(oldPlace, newPlace)) {
      breaks.push(...forBoth(event, 'its exchange, routing key or version header is another'));
    }
    const [from, to] = [jsonSchemaOf(event, old), jsonSchemaOf(event, changed)];
    for (const gap of gapsOf(from, to)) breaks.push({ breaks: 'publishers', event, ...gap });
    for (const gap of gapsOf(to, from)) breaks.push({ breaks: 'consumers', event, ...gap });
  }
  return breaks;
}

function forBoth(event: string, message: string): readonly ContractBreak[] {
  return [
    { breaks: 'publishers', event, path: '', message },
    { breaks: 'consumers', event, path: '', message },
  ];
}

function jsonSchemaOf(event: string, schema: ContractSchema): JsonSchema {
  const standard = (schema as WithJsonSchema)['~standard'];
  const input = standard?.jsonSchema?.input;
  if (typeof input === 'function') return input({ target: 'draft-2020-12' });
  throw new ConfigurationError(
    `The schema of '${event}' has no JSON Schema (https://standardschema.dev/json-schema), so its changes cannot be found. Zod 4.2 ` +
      'and ArkType 2.1.28 have one; for others, compare by tests with payloads.',
  );
}
