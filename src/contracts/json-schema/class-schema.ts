import type { PayloadClass } from '../contract-types.js';
import { apiDescription, apiProperties, type ApiProperty } from './api-properties.js';
import type { JsonSchema } from './draft-07.js';
import { validatedProperties, type ValidatedProperty } from './validated-properties.js';

/** Classes that are no payloads, with the JSON Schema of their values. */
const SIMPLE: ReadonlyMap<unknown, JsonSchema> = new Map<unknown, JsonSchema>([
  [String, { type: 'string' }],
  [Number, { type: 'number' }],
  [Boolean, { type: 'boolean' }],
  [BigInt, { type: 'integer' }],
  [Date, { type: 'string', format: 'date-time' }],
  [Array, { type: 'array' }],
  [Object, {}],
]);

/** Returns the JSON Schema of a primitive or a class, as decorators and TypeScript's metadata tell it; undefined if they do not. */
export function typeSchema(type: unknown): JsonSchema | undefined {
  const simple = SIMPLE.get(type);
  if (simple) return Object.keys(simple).length === 0 || type === Array ? undefined : simple;
  return typeof type === 'function' ? classSchema(type as PayloadClass) : undefined;
}

/**
 * Returns the JSON Schema of a class, from the decorators of class-validator and of `@nestjs/swagger`, which need not be
 * installed; undefined if the class has neither. Classes of its properties are `definitions`.
 */
export function classSchema(type: PayloadClass): JsonSchema | undefined {
  const definitions = new Definitions(type);
  const schema = definitions.schemaOf(type);
  if (!schema) return undefined;
  const others = definitions.others();
  return Object.keys(others).length > 0 ? { ...schema, definitions: others } : schema;
}

/** The classes that a class refers to. */
class Definitions {
  private readonly names = new Map<PayloadClass, string>();
  private readonly schemas = new Map<string, JsonSchema>();

  constructor(private readonly root: PayloadClass) {}

  others(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries(this.schemas);
  }

  schemaOf(type: PayloadClass): JsonSchema | undefined {
    const [validated, described] = [validatedProperties(type), apiProperties(type)];
    const names = [...new Set([...validated.keys(), ...described.keys()])];
    if (names.length === 0) return undefined;
    const required = names.filter((name) => validated.get(name)?.required ?? described.get(name)?.required);
    return {
      title: type.name,
      ...apiDescription(type),
      type: 'object',
      properties: Object.fromEntries(
        names.map((name) => [name, this.propertyOf(type, name, validated.get(name), described.get(name))]),
      ),
      ...(required.length > 0 && { required }),
    };
  }

  private propertyOf(
    owner: PayloadClass,
    name: string,
    validated: ValidatedProperty | undefined,
    described: ApiProperty | undefined,
  ): JsonSchema {
    const declared: unknown = Reflect.getMetadata('design:type', owner.prototype as object, name);
    const isList = described?.isList ?? (validated?.items !== undefined || declared === Array);
    const type = described?.type ?? validated?.nested ?? (isList ? undefined : declared);
    // What a decorator says is more exact than TypeScript's metadata.
    const known = { ...validated?.schema, ...validated?.items };
    const value = 'type' in known && typeof type !== 'string' && SIMPLE.has(type) ? {} : this.valueOf(type);
    const { keywords = {}, nullable = false } = described ?? {};
    if (isList) {
      const items = { ...value, ...validated?.items };
      const hasItems = Object.keys(items).length > 0;
      return { ...validated?.schema, ...keywords, ...listType(nullable), ...(hasItems && { items }) };
    }
    return withNull({ ...value, ...validated?.schema, ...keywords }, nullable);
  }

  private valueOf(type: unknown): JsonSchema {
    if (typeof type === 'string') return { type };
    const simple = SIMPLE.get(type);
    if (simple || typeof type !== 'function') return simple ?? {};
    return this.reference(type as PayloadClass);
  }

  private reference(type: PayloadClass): JsonSchema {
    if (type === this.root) return { $ref: '#' };
    let name = this.names.get(type);
    if (name === undefined) {
      const taken = [...this.names.values()].filter((other) => other.replace(/\d*$/, '') === type.name).length;
      name = taken === 0 ? type.name : `${type.name}${taken + 1}`;
      this.names.set(type, name);
      this.schemas.set(name, this.schemaOf(type) ?? { title: type.name, type: 'object' });
    }
    return { $ref: `#/definitions/${name}` };
  }
}

function listType(nullable: boolean): JsonSchema {
  return { type: nullable ? ['array', 'null'] : 'array' };
}

function withNull(schema: JsonSchema, nullable: boolean): JsonSchema {
  if (!nullable) return schema;
  const { type, ...rest } = schema;
  if (typeof type !== 'string') return { anyOf: [schema, { type: 'null' }] };
  const values = rest['enum'];
  return { ...rest, type: [type, 'null'], ...(Array.isArray(values) && { enum: [...(values as unknown[]), null] }) };
}
