import { isDeepStrictEqual } from 'node:util';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Why a value that one schema accepts may be refused by another. */
export interface Gap {
  readonly path: string;
  readonly message: string;
}

/** Keywords that refuse no value. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
]); // prettier-ignore
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
/** Keywords that are compared by what they mean. Any other keyword has to be equal. */
const COMPARED: ReadonlySet<string> = new Set([
  ...LOWER, ...UPPER, 'type', 'enum', 'const', 'anyOf', 'oneOf', 'required', 'properties', 'additionalProperties', 'items',
]); // prettier-ignore

/**
 * Returns why a value that `from` accepts may be refused by `to`; nothing if `to` accepts all of them. A keyword that cannot
 * be compared counts as a gap if it differs. A field that `from` does not name is ignored.
 */
export function gapsOf(from: JsonSchema, to: JsonSchema, path = ''): readonly Gap[] {
  if (isDeepStrictEqual(from, to)) return [];
  const choices = alternatives(from);
  if (choices) return choices.flatMap((choice) => gapsOf(choice, to, path));
  const wanted = alternatives(to);
  if (wanted) {
    const fits = wanted.some((choice) => gapsOf(from, choice, path).length === 0);
    return fits ? [] : [{ path, message: 'none of the alternatives accepts every value' }];
  }
  return [...valueGaps(from, to), ...limitGaps(from, to), ...otherGaps(from, to)]
    .map((message) => ({ path, message }))
    .concat(fieldGaps(from, to, path), itemGaps(from, to, path));
}

/** Returns the alternatives of a schema, with the keywords beside them. */
function alternatives(schema: JsonSchema): readonly JsonSchema[] | undefined {
  const name = ['anyOf', 'oneOf', 'type'].find((keyword) => Array.isArray(schema[keyword]));
  if (name === undefined) return undefined;
  const { [name]: choices, ...rest } = schema;
  return (choices as readonly unknown[]).map((choice) =>
    name === 'type' ? { ...rest, type: choice } : both(rest, asSchema(choice)),
  );
}

/** `allOf` is compared as a whole. */
function both(one: JsonSchema, other: JsonSchema): JsonSchema {
  const collide = Object.keys(other).some((name) => Object.hasOwn(one, name) && !ANNOTATIONS.has(name));
  return collide ? { allOf: [one, other] } : { ...one, ...other };
}

function valueGaps(from: JsonSchema, to: JsonSchema): string[] {
  const [given, accepted] = [valuesOf(from), valuesOf(to)];
  if (accepted) {
    const refused = given?.filter((value) => !accepted.some((one) => isDeepStrictEqual(one, value)));
    if (!refused) return [`only ${shown(accepted)} is accepted`];
    return refused.length > 0 ? [`${shown(refused)} is not accepted`] : [];
  }
  const [type, wanted] = [from['type'] ?? (given && typeOf(given)), to['type']];
  if (wanted === undefined || type === wanted || (type === 'integer' && wanted === 'number')) return [];
  return [`${String(type ?? 'any type')} becomes ${String(wanted)}`];
}

function valuesOf({ enum: values, ...schema }: JsonSchema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  return Array.isArray(values) ? values : undefined;
}

function typeOf(values: readonly unknown[]): string | undefined {
  const types = new Set(values.map((value) => (value === null ? 'null' : typeof value)));
  return types.size === 1 ? [...types][0] : undefined;
}

function limitGaps(from: JsonSchema, to: JsonSchema): string[] {
  const beyond = (name: string, sign: 1 | -1): boolean => {
    const [given, limit] = [from[name], to[name]];
    return typeof limit === 'number' && !(typeof given === 'number' && sign * given >= sign * limit);
  };
  return [...LOWER.filter((name) => beyond(name, 1)), ...UPPER.filter((name) => beyond(name, -1))].map(
    (name) => `${name} becomes ${String(to[name])}`,
  );
}

function otherGaps(from: JsonSchema, to: JsonSchema): string[] {
  return Object.keys(to)
    .filter((name) => !ANNOTATIONS.has(name) && !COMPARED.has(name) && !isDeepStrictEqual(from[name], to[name]))
    .map((name) => `${name} differs`);
}

function fieldGaps(from: JsonSchema, to: JsonSchema, path: string): Gap[] {
  const [given, wanted] = [asSchema(from['properties']), asSchema(to['properties'])];
  const [surely, required] = [listOf(from['required']), listOf(to['required'])];
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const missing = required.filter((name) => !surely.includes(name));
  const gaps: Gap[] = missing.map((name) => ({ path: at(name), message: 'it is required, and may be missing' }));
  const rest = to['additionalProperties'];
  for (const [name, schema] of Object.entries(given)) {
    const other = Object.hasOwn(wanted, name) ? wanted[name] : (rest ?? true);
    if (other === false) gaps.push({ path: at(name), message: 'it is not accepted' });
    else gaps.push(...gapsOf(asSchema(schema), asSchema(other), at(name)));
  }
  const others = from['additionalProperties'];
  if (others !== undefined && others !== false && rest !== undefined && !isDeepStrictEqual(others, rest)) {
    if (rest === false) gaps.push({ path: at('*'), message: 'it is not accepted' });
    else gaps.push(...gapsOf(asSchema(others), asSchema(rest), at('*')));
  }
  return gaps;
}

function itemGaps(from: JsonSchema, to: JsonSchema, path: string): readonly Gap[] {
  if (to['items'] === undefined || from['type'] !== 'array') return [];
  return gapsOf(asSchema(from['items']), asSchema(to['items']), path === '' ? '*' : `${path}.*`);
}

/** `true` and what is missing accept everything; `false`, nothing. */
function asSchema(value: unknown): JsonSchema {
  if (value === false) return { not: {} };
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {};
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function shown(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ');
}
