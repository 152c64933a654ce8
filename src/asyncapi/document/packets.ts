import type { JsonSchema } from '../../contracts/json-schema/draft-07.js';

/** Makes the schema of what travels from that of its data; undefined for data of which nothing is known. */
export type Wrap = (data: JsonSchema | undefined) => JsonSchema;

/** Returns the packet of an event or request, as `Transport.RMQ` has it (https://docs.nestjs.com/microservices/basics). */
export const requestPacket =
  (pattern: string, isEvent: boolean): Wrap =>
  (data) => ({
    ...definitionsOf(data),
    type: 'object',
    properties: {
      pattern: patternSchema(pattern),
      data: placedAt('data', data),
      ...(!isEvent && { id: { type: 'string' } }),
    },
    required: isEvent ? ['pattern'] : ['pattern', 'id'],
  });

/** Returns the packet of a reply. Its `err` is that of the handler, in any form. */
export const replyPacket: Wrap = (response) => ({
  ...definitionsOf(response),
  type: 'object',
  properties: {
    response: placedAt('response', response),
    isDisposed: { type: 'boolean' },
    err: {},
  },
});

/** A pattern that is an object travels as one. */
function patternSchema(pattern: string): JsonSchema {
  if (!pattern.startsWith('{')) return /[*#]/.test(pattern) ? { type: 'string' } : { const: pattern };
  return { const: JSON.parse(pattern) as unknown };
}

/** The definitions stay at the root, where the references look for them. */
function definitionsOf({ definitions, $defs }: JsonSchema = {}): JsonSchema {
  return { ...(definitions !== undefined && { definitions }), ...($defs !== undefined && { $defs }) };
}

function placedAt(property: string, whole: JsonSchema = {}): JsonSchema {
  const own = Object.entries(whole).filter(([keyword]) => keyword !== 'definitions' && keyword !== '$defs');
  return moved(Object.fromEntries(own), `#/properties/${property}`) as JsonSchema;
}

/** Rewrites references to the root. */
function moved(value: unknown, root: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => moved(item, root));
  return Object.fromEntries(
    Object.entries(value).map(([keyword, one]) => {
      if (keyword !== '$ref' || typeof one !== 'string') return [keyword, moved(one, root)];
      return [keyword, /^#(?!\/(?:definitions|\$defs)\/)/.test(one) ? `${root}${one.slice(1)}` : one];
    }),
  );
}
