import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from '../json-schema/draft-07.js';

/** Why a value that one schema accepts may be refused by another. */
export interface Gap {
  readonly path: string;
  readonly message: string;
}

/** Keywords that refuse no value. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema', '$id', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
]); // prettier-ignore
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
/** Keywords that are compared by what they mean. Any other keyword has to be equal. */
const COMPARED: ReadonlySet<string> = new Set([
  ...LOWER, ...UPPER, 'type', 'enum', 'const', 'anyOf', 'oneOf', 'required', 'properties', 'additionalProperties', 'items',
]); // prettier-ignore

/** The documents in which the references of two schemas are looked up, and the pairs of schemas that are compared already. */
interface Comparison {
  readonly from: JsonSchema;
  readonly to: JsonSchema;
  readonly begun: Set<string>;
  readonly numbers: Map<JsonSchema, number>;
}

/**
 * Returns why a value that `from` accepts may be refused by `to`; nothing if `to` accepts all of them. A keyword that cannot
 * be compared counts as a gap if it differs. A field that `from` does not name is ignored.
 *
 * @param within the documents in which `$ref` of each is looked up. Default: the schemas themselves
 */
export function gapsOf(from: JsonSchema, to: JsonSchema, within: readonly [JsonSchema, JsonSchema]): readonly Gap[] {
  return compared(from, to, '', { from: within[0], to: within[1], begun: new Set(), numbers: new Map() });
}

function compared(given: JsonSchema, wanted: JsonSchema, path: string, comparison: Comparison): readonly Gap[] {
  const pair = pairOf(given, wanted, comparison);
  if (pair === undefined) return gapsBetween(given, wanted, path, comparison);
  // Schemas that refer to themselves fit, unless a gap is found on the way.
  if (comparison.begun.has(pair)) return [];
  comparison.begun.add(pair);
  const gaps = gapsBetween(given, wanted, path, comparison);
  comparison.begun.delete(pair);
  return gaps;
}

type Deeper = (from: JsonSchema, to: JsonSchema, path: string) => readonly Gap[];

function gapsBetween(given: JsonSchema, wanted: JsonSchema, path: string, comparison: Comparison): readonly Gap[] {
  const [from, to] = [resolved(given, comparison.from), resolved(wanted, comparison.to)];
  if (Object.keys(to).every((keyword) => ANNOTATIONS.has(keyword))) return [];
  const deeper: Deeper = (one, other, at) => compared(one, other, at, comparison);
  const choices = alternatives(from);
  if (choices) return choices.flatMap((choice) => deeper(choice, to, path));
  const accepted = alternatives(to);
  if (accepted) {
    const fits = accepted.some((choice) => deeper(from, choice, path).length === 0);
    return fits ? [] : [{ path, message: 'none of the alternatives accepts every value' }];
  }
  return [...valueGaps(from, to), ...limitGaps(from, to), ...otherGaps(from, to, comparison)]
    .map((message) => ({ path, message }))
    .concat(fieldGaps(from, to, path, deeper), itemGaps(from, to, path, deeper));
}

/** Names two schemas of which at least one is a reference. */
function pairOf(from: JsonSchema, to: JsonSchema, { numbers }: Comparison): string | undefined {
  if (from['$ref'] === undefined && to['$ref'] === undefined) return undefined;
  const nameOf = (schema: JsonSchema): unknown => {
    if (!numbers.has(schema)) numbers.set(schema, numbers.size);
    return schema['$ref'] ?? numbers.get(schema);
  };
  return JSON.stringify([nameOf(from), nameOf(to)]);
}

/** Replaces a reference into the document (https://www.rfc-editor.org/rfc/rfc6901) by what it refers to. */
function resolved(schema: JsonSchema, document: JsonSchema): JsonSchema {
  const { $ref: reference, ...rest } = schema;
  if (typeof reference !== 'string' || !reference.startsWith('#')) return schema;
  let found: unknown = document;
  for (const step of reference.slice(1).split('/').slice(1)) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    found = Object.hasOwn(Object(found) as object, name) ? (found as JsonSchema)[name] : undefined;
  }
  if (found === undefined) return schema;
  return resolved(both(rest, asSchema(found)), document);
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
  if (Object.keys(one).length === 0) return other;
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
  return [
    type === undefined
      ? `only ${String(wanted)} is accepted`
      : `${String(type)} is not accepted, only ${String(wanted)}`,
  ];
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
    (name) => `${name} ${String(to[name])} is required`,
  );
}

function otherGaps(from: JsonSchema, to: JsonSchema, comparison: Comparison): string[] {
  const same = (name: string): boolean =>
    isDeepStrictEqual(expanded(from[name], comparison.from, []), expanded(to[name], comparison.to, []));
  return Object.keys(to)
    .filter((name) => !ANNOTATIONS.has(name) && !COMPARED.has(name) && !same(name))
    .map((name) => `${name} differs`);
}

/** Replaces the references in a value, except those to what contains it. */
function expanded(value: unknown, document: JsonSchema, within: readonly unknown[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => expanded(item, document, within));
  const { $ref: reference } = value as JsonSchema;
  if (reference !== undefined) {
    const target = within.includes(reference) ? value : resolved(value as JsonSchema, document);
    return target === value ? value : expanded(target, document, [...within, reference]);
  }
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, expanded(one, document, within)]));
}

function fieldGaps(from: JsonSchema, to: JsonSchema, path: string, deeper: Deeper): Gap[] {
  const [given, wanted] = [asSchema(from['properties']), asSchema(to['properties'])];
  const [surely, required] = [listOf(from['required']), listOf(to['required'])];
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const missing = required.filter((name) => !surely.includes(name));
  const gaps: Gap[] = missing.map((name) => ({ path: at(name), message: 'it is required, and may be missing' }));
  const rest = to['additionalProperties'];
  for (const [name, schema] of Object.entries(given)) {
    const other = Object.hasOwn(wanted, name) ? wanted[name] : (rest ?? true);
    if (other === false) gaps.push({ path: at(name), message: 'it is not accepted' });
    else gaps.push(...deeper(asSchema(schema), asSchema(other), at(name)));
  }
  const others = from['additionalProperties'];
  if (others !== undefined && others !== false && rest !== undefined && !isDeepStrictEqual(others, rest)) {
    if (rest === false) gaps.push({ path: at('*'), message: 'it is not accepted' });
    else gaps.push(...deeper(asSchema(others), asSchema(rest), at('*')));
  }
  return gaps;
}

function itemGaps(from: JsonSchema, to: JsonSchema, path: string, deeper: Deeper): readonly Gap[] {
  if (to['items'] === undefined || from['type'] !== 'array') return [];
  return deeper(asSchema(from['items']), asSchema(to['items']), path === '' ? '*' : `${path}.*`);
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
