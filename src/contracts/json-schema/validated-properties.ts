import { createRequire } from 'node:module';
import type { PayloadClass } from '../contract-types.js';
import { enumValues } from './api-properties.js';
import type { JsonSchema } from './draft-07.js';

/** What class-validator stores for one decorator of one property. */
interface ValidationMetadata {
  readonly type: string;
  readonly name?: string;
  readonly propertyName: string;
  readonly constraints?: readonly unknown[];
  readonly each?: boolean;
}

/** The one storage that all copies of class-validator in a process share. */
interface ValidatorStorage {
  getTargetValidationMetadatas(type: unknown, schema: string, always: boolean, strict: boolean): ValidationMetadata[];
}

/** A property with decorators of class-validator. */
export interface ValidatedProperty {
  readonly required: boolean;
  readonly schema: JsonSchema;
  /** Of a list: what its decorators with `each: true` say of an item. */
  readonly items: JsonSchema | undefined;
  /** The class of the value, or of the items of a list, which is validated as well. */
  readonly nested: unknown;
}

type Rule = JsonSchema | ((constraints: readonly never[]) => JsonSchema);

const TEXT: JsonSchema = { type: 'string' };

/** The meaning of class-validator's decorators, as far as JSON Schema can express it. */
const RULES: Readonly<Record<string, Rule>> = {
  isString: TEXT,
  isBoolean: { type: 'boolean' },
  isNumber: { type: 'number' },
  isInt: { type: 'integer' },
  isObject: { type: 'object' },
  isArray: { type: 'array' },
  isDate: { type: 'string', format: 'date-time' },
  isEmail: { ...TEXT, format: 'email' },
  isUuid: { ...TEXT, format: 'uuid' },
  ...Object.fromEntries(
    [
      'isUrl',
      'isIso8601',
      'isDateString',
      'isNumberString',
      'isBooleanString',
      'isMongoId',
      'isJson',
      'isAlpha',
      'isAlphanumeric',
      'isBase64',
      'isHexadecimal',
      'isIp',
      'isLocale',
      'isCurrency',
      'isISO31661Alpha2',
      'isISO31661Alpha3',
      'isISO4217CurrencyCode',
      'isPhoneNumber',
      'isMobilePhone',
      'isPostalCode',
      'isSemVer',
      'isCreditCard',
      'isIBAN',
      'isFQDN',
      'isTimeZone',
      'isDecimal',
      'isJwt',
    ].map((name) => [name, TEXT]),
  ),
  isEnum: ([values]: readonly object[]) => ({ enum: enumValues(values ?? {}) }),
  isIn: ([values]: readonly unknown[]) => ({ enum: values }),
  isNotIn: ([values]: readonly unknown[]) => ({ not: { enum: values } }),
  equals: ([value]: readonly unknown[]) => ({ const: value }),
  isNotEmpty: { minLength: 1 },
  minLength: ([minLength]: readonly number[]) => ({ ...TEXT, minLength }),
  maxLength: ([maxLength]: readonly number[]) => ({ ...TEXT, maxLength }),
  isLength: ([minLength, maxLength]: readonly (number | undefined)[]) => ({
    ...TEXT,
    ...(minLength !== undefined && { minLength }),
    ...(maxLength !== undefined && { maxLength }),
  }),
  // JSON Schema has no flags.
  matches: ([pattern]: readonly unknown[]) =>
    pattern instanceof RegExp && pattern.flags === '' ? { ...TEXT, pattern: pattern.source } : TEXT,
  min: ([minimum]: readonly number[]) => ({ minimum }),
  max: ([maximum]: readonly number[]) => ({ maximum }),
  isPositive: { exclusiveMinimum: 0 },
  isNegative: { exclusiveMaximum: 0 },
  isDivisibleBy: ([multipleOf]: readonly number[]) => ({ multipleOf }),
  arrayMinSize: ([minItems]: readonly number[]) => ({ type: 'array', minItems }),
  arrayMaxSize: ([maxItems]: readonly number[]) => ({ type: 'array', maxItems }),
  arrayNotEmpty: { type: 'array', minItems: 1 },
  arrayUnique: { type: 'array', uniqueItems: true },
} satisfies Record<string, Rule>;

/** Returns the properties with decorators of class-validator, of the class and its base classes. */
export function validatedProperties(type: PayloadClass): ReadonlyMap<string, ValidatedProperty> {
  const { classValidatorMetadataStorage: storage } = globalThis as { classValidatorMetadataStorage?: ValidatorStorage };
  const byName = new Map<string, ValidationMetadata[]>();
  for (const one of storage?.getTargetValidationMetadatas(type, '', false, false) ?? []) {
    byName.set(one.propertyName, [...(byName.get(one.propertyName) ?? []), one]);
  }
  return new Map([...byName].map(([name, all]) => [name, propertyOf(type, name, all)]));
}

function propertyOf(type: PayloadClass, name: string, all: readonly ValidationMetadata[]): ValidatedProperty {
  const rulesOf = (each: boolean): JsonSchema =>
    // Decorators run from the last to the first.
    all
      .filter((one) => (one.each ?? false) === each)
      .toReversed()
      .map(ruleOf)
      .reduce(together, {});
  const isNested = all.some((one) => one.type === 'nestedValidation');
  const each = all.some((one) => one.each);
  return {
    required: !all.some((one) => one.type === 'conditionalValidation'),
    schema: rulesOf(false),
    items: each ? rulesOf(true) : undefined,
    nested: isNested ? transformedType(type, name) : undefined,
  };
}

function ruleOf({ name = '', constraints = [] }: ValidationMetadata): JsonSchema {
  const rule = Object.hasOwn(RULES, name) ? RULES[name]! : {};
  return typeof rule === 'function' ? rule(constraints as never[]) : rule;
}

/** Keywords that two rules both have are kept beside each other, except for the type: `integer` is a `number`. */
function together(one: JsonSchema, other: JsonSchema): JsonSchema {
  const { type, ...rest } = other;
  const double = Object.keys(rest).filter((keyword) => Object.hasOwn(one, keyword) && one[keyword] !== rest[keyword]);
  const kept = type === undefined || one['type'] === 'integer' ? {} : { type };
  if (double.length === 0) return { ...one, ...rest, ...kept };
  return { ...one, ...kept, allOf: [...((one['allOf'] as JsonSchema[] | undefined) ?? []), rest] };
}

/** The storage of class-transformer's decorators, which the package does not export from its root. */
interface TransformerStorage {
  findTypeMetadata(type: unknown, property: string): { readonly typeFunction?: () => unknown } | undefined;
}

/** Returns the class of `@Type(() => Line)`. */
function transformedType(type: PayloadClass, name: string): unknown {
  return transformerStorage()?.findTypeMetadata(type, name)?.typeFunction?.();
}

function transformerStorage(): TransformerStorage | undefined {
  try {
    const load = createRequire(import.meta.url);
    return (load('class-transformer/cjs/storage') as { readonly defaultMetadataStorage: TransformerStorage })
      .defaultMetadataStorage;
  } catch {
    return undefined;
  }
}
