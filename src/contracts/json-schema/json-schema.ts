import { ConfigurationError } from '../../../lib/client/index.js';
import type { ContractSchema } from '../contract-types.js';
import { isStandardSchema, type StandardSchema } from '../standard-schema.js';
import { classSchema } from './class-schema.js';
import type { JsonSchema } from './draft-07.js';

/** What a Standard Schema has that also is a Standard JSON Schema (https://standardschema.dev/json-schema). */
interface WithJsonSchema {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => JsonSchema };
}

/**
 * Returns the JSON Schema of what a schema accepts, which is what travels.
 *
 * @param what names the schema in errors
 * @throws ConfigurationError if it has none
 */
export function jsonSchemaOf(what: string, schema: ContractSchema): JsonSchema {
  if (isStandardSchema(schema)) return ofStandardSchema(what, schema);
  const json = classSchema(schema);
  if (json) return json;
  throw new ConfigurationError(
    `${what} has no JSON Schema: the class ${schema.name} has no decorators of class-validator or @nestjs/swagger.`,
  );
}

function ofStandardSchema(what: string, { '~standard': standard }: StandardSchema): JsonSchema {
  const { jsonSchema } = standard as WithJsonSchema;
  if (typeof jsonSchema?.input !== 'function') {
    throw new ConfigurationError(
      `${what} has no JSON Schema (https://standardschema.dev/json-schema). Zod 4.2 and ArkType 2.1.28 have one; for a schema of ` +
        'Valibot, toStandardJsonSchema() of @valibot/to-json-schema makes one.',
    );
  }
  try {
    const { $schema: _, ...json } = jsonSchema.input({ target: 'draft-07' });
    return json;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError(`${what} has no JSON Schema: ${reason}`, { cause });
  }
}
