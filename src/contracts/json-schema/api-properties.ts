import type { PayloadClass } from '../contract-types.js';
import type { JsonSchema } from './draft-07.js';

/** Keys under which the decorators of `@nestjs/swagger` store what they know. The package does not export them. */
const PROPERTIES = 'swagger/apiModelPropertiesArray';
const PROPERTY = 'swagger/apiModelProperties';
const SCHEMA = 'swagger/apiSchema';
/** The method that its compiler plugin adds to a class. */
const FACTORY = '_OPENAPI_METADATA_FACTORY';

/** Keywords that mean the same in a Schema Object of OpenAPI and in JSON Schema. */
const KEYWORDS = [
  'title', 'description', 'format', 'default', 'deprecated', 'readOnly', 'writeOnly', 'pattern', 'minimum', 'maximum', 'multipleOf',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties',
]; // prettier-ignore

/** A property with `@ApiProperty()`. */
export interface ApiProperty {
  readonly required: boolean;
  readonly isList: boolean | undefined;
  readonly nullable: boolean;
  /** The class of the value, or of the items of a list, or the name of a type. Undefined if the decorator does not tell. */
  readonly type: unknown;
  readonly keywords: JsonSchema;
}

/** The options of the decorator. */
type Given = Readonly<Record<string, unknown>>;

/** Returns the properties with decorators of `@nestjs/swagger`, of the class and its base classes. */
export function apiProperties(type: PayloadClass): ReadonlyMap<string, ApiProperty> {
  const given = new Map<string, Given>();
  for (const one of [...basesOf(type), type]) {
    const factory = Object.hasOwn(one, FACTORY) ? (one as unknown as Record<string, () => object>)[FACTORY]!() : {};
    for (const [name, options] of Object.entries(factory)) given.set(name, options as Given);
  }
  const prototype = type.prototype as object;
  const names = (Reflect.getMetadata(PROPERTIES, prototype) ?? []) as string[];
  for (const name of names.map((marked) => marked.slice(1))) {
    const options = (Reflect.getMetadata(PROPERTY, prototype, name) ?? {}) as Given;
    given.set(name, { ...given.get(name), ...options });
  }
  return new Map([...given].map(([name, options]) => [name, propertyOf(options)]));
}

/** Returns the description of `@ApiSchema()`. */
export function apiDescription(type: PayloadClass): JsonSchema {
  const [options] = (Reflect.getMetadata(SCHEMA, type) ?? []) as { readonly description?: string }[];
  return options?.description === undefined ? {} : { description: options.description };
}

function basesOf(type: PayloadClass): readonly PayloadClass[] {
  const base = Object.getPrototypeOf(type) as PayloadClass | null;
  return typeof base === 'function' && base.prototype ? [...basesOf(base), base] : [];
}

function propertyOf(options: Given): ApiProperty {
  const { required = true, nullable = false, isArray, enum: listed, example, examples, items } = options;
  // A class has a prototype; a function that returns a class late, `() => Order`, has none.
  const called = typeof options['type'] === 'function' && !('prototype' in options['type']);
  const given: unknown = called ? (options['type'] as () => unknown)() : options['type'];
  const [itemType] = Array.isArray(given) ? (given as unknown[]) : [undefined];
  const isList = isArray === true || Array.isArray(given) || given === 'array' || undefined;
  const values = listed === undefined ? undefined : valuesOf(listed);
  const itemKeywords = Object(items) as { readonly type?: unknown; readonly enum?: unknown };
  const itemValues = itemKeywords.enum ?? (isList && values);
  return {
    required: required === true,
    nullable: nullable === true,
    isList,
    type: itemType ?? (given === 'array' ? itemKeywords.type : given),
    keywords: {
      ...Object.fromEntries(KEYWORDS.filter((name) => name in options).map((name) => [name, options[name]])),
      ...(values && !isList && { enum: values }),
      ...(itemValues !== undefined && itemValues !== false && { items: { enum: itemValues } }),
      ...examplesOf(example, examples),
    },
  };
}

function examplesOf(example: unknown, examples: unknown): JsonSchema {
  if (Array.isArray(examples)) return { examples };
  return example === undefined ? {} : { examples: [example] };
}

/** @param listed an array, an enum of TypeScript, or a function that returns one */
function valuesOf(listed: unknown): readonly unknown[] {
  const given: unknown = typeof listed === 'function' ? (listed as () => unknown)() : listed;
  return Array.isArray(given) ? given : enumValues(Object(given) as object);
}

/** Returns the values of an enum of TypeScript. One with numbers has their names as keys, and the reverse. */
export function enumValues(listed: object): readonly unknown[] {
  const entries = Object.entries(listed);
  const numbers = new Set(entries.map(([, value]) => value).filter((value) => typeof value === 'number'));
  return entries.filter(([name]) => !numbers.has(Number(name))).map(([, value]) => value as unknown);
}
