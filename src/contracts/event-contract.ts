import { showAs } from '../../lib/shown/index.js';
import { expectValue, NAME, OBJECT } from '../common/option-values.js';
import { ContractError } from './contract.errors.js';
import { checkedContractOptions, type ContractOptions } from './contract-options.js';
import type { ContractSchema, EventSchemas, SendableEvents } from './contract-types.js';
import { createValidator, expectKey, expectSchema } from './create-validator.js';
import type { Validator } from './validator.js';

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
      this.validators.set(event, createValidator(exchange, event, 'event', schema, unknownFields));
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
  schemas: Schemas & SendableEvents<Schemas, Options>,
  options?: Options,
): EventContract<Schemas> {
  const what = 'defineEvents()';
  expectValue(`${what}: the name of the exchange`, exchange, NAME);
  expectValue(`${what}: the events of '${exchange}'`, schemas, OBJECT);
  for (const [event, schema] of Object.entries<ContractSchema>(schemas)) {
    expectKey(`${what}: '${event}'`, event);
    expectSchema(`${what}: '${event}'`, schema);
  }
  return new EventContract<Schemas>(exchange, schemas, checkedContractOptions(what, options));
}

showAs(EventContract, (contract) => contract.shown);
