import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from '../common/described-value.js';
import { hasWildcards } from '../common/topic-pattern.js';
import { classValidator } from './class-validator.js';
import { ContractError, type ContractPart } from './contract.errors.js';
import type { ContractSchema, PayloadClass } from './contract-types.js';
import { schemaValidator } from './schema-validator.js';
import { isStandardSchema } from './standard-schema.js';
import type { Validator } from './validator.js';

/** Creates the validator of one payload. @param part what the payload is, for its errors */
export function createValidator(
  exchange: string,
  name: string,
  part: ContractPart,
  schema: ContractSchema,
  unknownFields: 'strip' | 'keep',
): Validator {
  const refuse = (issues: ContractError['issues']) => new ContractError(exchange, name, issues, part);
  return isStandardSchema(schema)
    ? schemaValidator(schema, unknownFields, refuse)
    : classValidator(schema as PayloadClass, unknownFields, refuse);
}

/** Nest's ValidationPipe does not validate these. */
const NO_SCHEMAS: ReadonlySet<unknown> = new Set([String, Number, Boolean, Array, Object, Date]);

/** @throws ConfigurationError */
export function expectSchema(what: string, schema: unknown): void {
  if (isStandardSchema(schema) || (typeof schema === 'function' && !NO_SCHEMAS.has(schema))) return;
  throw new ConfigurationError(
    `${what} must be a Standard Schema (https://standardschema.dev) or a class with decorators of class-validator; it is ` +
      (typeof schema === 'function' ? `the class ${schema.name}` : describeValue(schema)),
  );
}

/** @throws ConfigurationError */
export function expectKey(what: string, key: string): void {
  if (key !== '' && !hasWildcards(key)) return;
  throw new ConfigurationError(`${what} must be a routing key without wildcards, since messages are published with it`);
}
