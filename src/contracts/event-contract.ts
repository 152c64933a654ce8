import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { showAs } from '../../lib/shown/index.js';
import { describeValue } from '../common/described-value.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, expectValue, NAME, OBJECT, oneOf } from '../common/option-values.js';
import { hasWildcards } from '../common/topic-pattern.js';
import { classValidator } from './class-validator.js';
import { ContractError } from './contract.errors.js';
import type { ContractSchema, EventSchemas, InputOf, OutputOf, PayloadClass } from './contract-types.js';
import { schemaValidator } from './schema-validator.js';
import { isStandardSchema } from './standard-schema.js';
import type { Validator } from './validator.js';

/**
 * Options of a contract.
 *
 * @publicApi
 */
export interface ContractOptions {
  /**
   * Controls fields that the schema does not name. `'strip'` sends, and gives to handlers, what the validator returns, which
   * by default are the known fields. `'keep'` sends the payload as it is given, and adds the unknown fields of a message to
   * what the validator returns. A schema that refuses unknown fields refuses them in both cases. Default `'strip'`.
   */
  readonly unknownFields?: 'strip' | 'keep';
}

/**
 * The events of one exchange: each routing key with the schema of its payload. Made by {@link defineEvents}.
 *
 * @publicApi
 */
export class EventContract<Schemas extends EventSchemas = EventSchemas> {
  private readonly validators = new Map<string, Validator>();

  /** Use {@link defineEvents}. */
  constructor(
    readonly exchange: string,
    readonly schemas: Schemas,
    { unknownFields = 'strip' }: ContractOptions,
  ) {
    for (const [event, schema] of Object.entries(schemas)) {
      const refuse = (issues: ContractError['issues']) => new ContractError(exchange, event, issues);
      const validator = isStandardSchema(schema)
        ? schemaValidator(schema, unknownFields, refuse)
        : classValidator(schema as PayloadClass, unknownFields, refuse);
      this.validators.set(event, validator);
    }
  }

  /** The routing keys of the events. */
  get events(): readonly string[] {
    return [...this.validators.keys()];
  }

  /** @internal Output of `console.log`. */
  get shown(): object {
    return { exchange: this.exchange, events: this.events };
  }

  /** @internal Validates a payload and returns what is sent, or a promise of it. @throws ContractError */
  outgoing(event: string, payload: unknown): unknown {
    return this.validatorOf(event).outgoing(payload);
  }

  /** @internal Validates a payload and returns what the handler gets, or a promise of it. @throws ContractError */
  incoming(event: string, payload: unknown): unknown {
    return this.validatorOf(event).incoming(payload);
  }

  private validatorOf(event: string): Validator {
    const validator = this.validators.get(event);
    if (validator) return validator;
    const known = this.events.map((name) => `'${name}'`).join(', ');
    throw new ContractError(this.exchange, event, [{ path: '', message: `it has the events ${known}` }]);
  }
}

/** A schema whose output it does not accept as input: the output would be sent, and refused by the consumer. */
type Sendable<Schemas extends EventSchemas, Options extends ContractOptions> = Options extends {
  readonly unknownFields: 'keep';
}
  ? unknown
  : {
      readonly [Event in keyof Schemas]: OutputOf<Schemas[Event]> extends InputOf<Schemas[Event]>
        ? unknown
        : { readonly "a schema that changes types needs unknownFields: 'keep'": never };
    };

/**
 * Defines the events of an exchange: one object, which publishers and handlers of several services import.
 *
 * - Give it to {@link AmqpModule.forFeature} in place of the exchange: the publisher validates each payload before it is
 *   sent, and rejects with {@link ContractError}.
 * - Give it to {@link AmqpEvent}: the handler gets validated payloads, and a message that does not match is parked.
 *
 * @example
 * ```ts
 * export const orders = defineEvents('orders', {
 *   'order.created': z.object({ id: z.string(), item: z.string() }),
 *   'order.cancelled': OrderCancelled,
 * });
 * ```
 *
 * @param exchange the name of the exchange
 * @param schemas by routing key: Standard Schemas (Zod, Valibot, ArkType, …) or classes with decorators of class-validator
 * @throws ConfigurationError for a key with wildcards, a value that is no schema, or a wrong option
 * @publicApi
 */
export function defineEvents<const Schemas extends EventSchemas, const Options extends ContractOptions = object>(
  exchange: string,
  schemas: Schemas & Sendable<Schemas, Options>,
  options?: Options,
): EventContract<Schemas> {
  const what = 'defineEvents()';
  expectValue(`${what}: the name of the exchange`, exchange, NAME);
  expectValue(`${what}: the events of '${exchange}'`, schemas, OBJECT);
  const given: ContractOptions = options ?? {};
  refuseUnknown(what, given, OPTIONS);
  checkValues(what, given, { unknownFields: oneOf('strip', 'keep') });
  for (const [event, schema] of Object.entries(schemas)) expectEvent(`${what}: '${event}'`, event, schema);
  return new EventContract<Schemas>(exchange, schemas, given);
}

const OPTIONS = namesOf({ unknownFields: 0 } satisfies Record<keyof ContractOptions, 0>);

/** Nest's ValidationPipe does not validate these. */
const NO_SCHEMAS: ReadonlySet<unknown> = new Set([String, Number, Boolean, Array, Object, Date]);

function expectEvent(what: string, event: string, schema: ContractSchema): void {
  if (event === '' || hasWildcards(event)) {
    throw new ConfigurationError(`${what} must be a routing key without wildcards, since events are published with it`);
  }
  if (isStandardSchema(schema) || (typeof schema === 'function' && !NO_SCHEMAS.has(schema))) return;
  throw new ConfigurationError(
    `${what} must be a Standard Schema (https://standardschema.dev) or a class with decorators of class-validator; it is ` +
      (typeof schema === 'function' ? `the class ${schema.name}` : describeValue(schema)),
  );
}

showAs(EventContract, (contract) => contract.shown);
