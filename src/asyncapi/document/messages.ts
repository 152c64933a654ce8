import { isDeepStrictEqual } from 'node:util';
import { ConfigurationError } from '../../../lib/client/index.js';
import type { ContractSchema } from '../../contracts/contract-types.js';
import type { JsonSchema } from '../../contracts/json-schema/draft-07.js';
import { jsonSchemaOf } from '../../contracts/json-schema/json-schema.js';
import type { MessageIdentity, MessageObject } from './document.js';
import { Ids } from './ids.js';
import type { Wrap } from './packets.js';

/** The known facts about the payload of a message. */
export type Payload =
  /** The schema of a contract or an argument. */
  | { readonly schema: ContractSchema }
  /** A JSON Schema. */
  | { readonly json: JsonSchema }
  /** Nothing. */
  | undefined;

/** The messages of a document and the schemas that they share. */
export class Messages {
  readonly messages: Record<string, MessageObject> = {};
  readonly schemas: Record<string, JsonSchema> = {};
  private readonly ids = new Ids();

  /** @param complain told of each schema that has no JSON Schema */
  constructor(private readonly complain: (reason: string) => void) {}

  /**
   * Adds a message, once.
   *
   * @param place the names that tell it from others
   * @param wrap makes what travels from the payload; default: the payload itself
   * @returns its id
   */
  add(place: readonly string[], identity: MessageIdentity, payload: Payload, wrap?: Wrap): string {
    for (let number = 1; ; number++) {
      const id = this.ids.of(...place, ...(number === 1 ? [] : [String(number)]));
      const message = this.messageOf(id, identity, payload, wrap);
      const other = this.messages[id];
      if (other && !isDeepStrictEqual(other, message)) continue;
      this.messages[id] = message;
      return id;
    }
  }

  private messageOf(id: string, identity: MessageIdentity, payload: Payload, wrap: Wrap | undefined): MessageObject {
    const { headers } = identity;
    return {
      name: identity.event,
      ...this.payloadOf(id, identity, payload, wrap),
      ...(headers && { headers: headersSchema(headers) }),
      ...(identity.part !== 'event' && { correlationId: { location: '$message.header#/correlationId' } }),
      'x-nest-amqp': identity,
    };
  }

  private payloadOf(
    id: string,
    { part, event }: MessageIdentity,
    payload: Payload,
    wrap: Wrap | undefined,
  ): Pick<MessageObject, 'payload' | 'summary'> {
    const made = (json: JsonSchema | undefined): Pick<MessageObject, 'payload'> => {
      const whole = wrap ? wrap(json) : json;
      return whole === undefined ? {} : { payload: this.placed(id, whole) };
    };
    if (!payload) return made(undefined);
    if ('json' in payload) return made(payload.json);
    try {
      return made(jsonSchemaOf(`The ${part} '${event}'`, payload.schema));
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.complain(error.message);
      return { ...made(undefined), summary: 'Its schema has no JSON Schema.' };
    }
  }

  /** Moves the definitions of a schema to the components of the document, which references start at. */
  private placed(id: string, { definitions, $defs, ...schema }: JsonSchema): JsonSchema {
    const nameOf = (name: string): string => this.ids.of('schema', id, name).slice('schema.'.length);
    const all = Object.entries({ ...(definitions as object), ...($defs as object) });
    for (const [name, definition] of all) this.schemas[nameOf(name)] = moved(definition, id, nameOf) as JsonSchema;
    return moved(schema, id, nameOf) as JsonSchema;
  }
}

/** Rewrites the references in a schema that was a document of its own. */
function moved(value: unknown, id: string, nameOf: (name: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => moved(item, id, nameOf));
  return Object.fromEntries(
    Object.entries(value).map(([keyword, one]) => {
      if (keyword !== '$ref' || typeof one !== 'string') return [keyword, moved(one, id, nameOf)];
      const [, name, rest = ''] = /^#\/(?:definitions|\$defs)\/([^/]+)(\/.*)?$/.exec(one) ?? [];
      if (name !== undefined) {
        const plain = decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
        return [keyword, `#/components/schemas/${nameOf(plain)}${rest}`];
      }
      return [keyword, one.replace(/^#/, `#/components/messages/${id}/payload`)];
    }),
  );
}

function headersSchema(headers: Readonly<Record<string, number>>): JsonSchema {
  const properties = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { const: value }]));
  return { type: 'object', properties, required: Object.keys(headers) };
}
