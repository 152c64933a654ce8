import type { StandardSchema } from './standard-schema.js';

/**
 * A class whose properties have decorators of class-validator.
 *
 * @publicApi
 */
export type PayloadClass = new (...given: never[]) => object;

/**
 * Describes a payload: a Standard Schema, or a class with decorators of class-validator.
 *
 * @publicApi
 */
export type ContractSchema = StandardSchema | PayloadClass;

/**
 * The schemas of a contract, by the routing keys of its events.
 *
 * @publicApi
 */
export type EventSchemas = Readonly<Record<string, ContractSchema>>;

/**
 * The type that a schema accepts: what is published.
 *
 * @publicApi
 */
export type InputOf<Schema> =
  Schema extends StandardSchema<infer Input, unknown>
    ? Input
    : Schema extends new (...given: never[]) => infer Instance
      ? Instance
      : never;

/**
 * The type that a schema returns: what a handler gets.
 *
 * @publicApi
 */
export type OutputOf<Schema> =
  Schema extends StandardSchema<unknown, infer Output>
    ? Output
    : Schema extends new (...given: never[]) => infer Instance
      ? Instance
      : never;

/**
 * The events of a contract with the types of the payloads that are published, for {@link ExchangePublisher}.
 *
 * @example
 * ```ts
 * constructor(@InjectPublisher('orders') private readonly publisher: ExchangePublisher<EventsOf<typeof orders>>) {}
 * ```
 *
 * @publicApi
 */
export type EventsOf<Contract> = Contract extends { readonly schemas: infer Schemas extends EventSchemas }
  ? { [Event in keyof Schemas & string]: InputOf<Schemas[Event]> }
  : never;

/**
 * The events of a contract with the types of the payloads that handlers get.
 *
 * @publicApi
 */
export type HandledOf<Contract> = Contract extends { readonly schemas: infer Schemas extends EventSchemas }
  ? { [Event in keyof Schemas & string]: OutputOf<Schemas[Event]> }
  : never;
