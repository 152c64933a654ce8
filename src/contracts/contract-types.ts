import type { ContractOptions } from './contract-options.js';
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

/**
 * Refuses a schema whose output it does not accept as input: the output would be sent, and refused by the other side. With
 * `unknownFields: 'keep'` the input is sent.
 */
type Sendable<Schema, Options extends ContractOptions> = Options extends { readonly unknownFields: 'keep' }
  ? unknown
  : OutputOf<Schema> extends InputOf<Schema>
    ? unknown
    : { readonly "a schema that changes types needs unknownFields: 'keep'": never };

/** See {@link Sendable}. */
export type SendableEvents<Schemas extends EventSchemas, Options extends ContractOptions> = {
  readonly [Event in keyof Schemas]: Sendable<Schemas[Event], Options>;
};

/**
 * The schemas of a request and its reply.
 *
 * @publicApi
 */
export interface RpcSchema {
  /** The schema of the request. */
  readonly request: ContractSchema;
  /** The schema of the reply. */
  readonly reply: ContractSchema;
}

/**
 * The schemas of a contract of requests, by their routing keys.
 *
 * @publicApi
 */
export type RpcSchemas = Readonly<Record<string, RpcSchema>>;

/** See {@link Sendable}. */
export type SendableRpc<Schemas extends RpcSchemas, Options extends ContractOptions> = {
  readonly [Key in keyof Schemas]: {
    readonly request: Sendable<Schemas[Key]['request'], Options>;
    readonly reply: Sendable<Schemas[Key]['reply'], Options>;
  };
};

declare const CALL: unique symbol;

/**
 * The types of a request and its reply. No value has this type, so such a key can be requested and not published.
 *
 * @publicApi
 */
export interface Call<Request = unknown, Reply = unknown> {
  readonly [CALL]: readonly [request: Request, reply: Reply];
}

/**
 * The requests of a contract with the types that a caller sends and gets, for {@link ExchangePublisher}.
 *
 * @example
 * ```ts
 * constructor(@InjectPublisher('prices') private readonly caller: ExchangePublisher<RequestsOf<typeof prices>>) {}
 * ```
 *
 * @publicApi
 */
export type RequestsOf<Contract> = Contract extends { readonly schemas: infer Schemas extends RpcSchemas }
  ? { [Key in keyof Schemas & string]: Call<InputOf<Schemas[Key]['request']>, OutputOf<Schemas[Key]['reply']>> }
  : never;

/**
 * The requests of a contract with the types that a handler gets and returns.
 *
 * @publicApi
 */
export type AnsweredOf<Contract> = Contract extends { readonly schemas: infer Schemas extends RpcSchemas }
  ? { [Key in keyof Schemas & string]: Call<OutputOf<Schemas[Key]['request']>, InputOf<Schemas[Key]['reply']>> }
  : never;

/**
 * The request of a {@link Call}.
 *
 * @publicApi
 */
export type RequestIn<Called> = Called extends Call<infer Request> ? Request : never;

/**
 * The reply of a {@link Call}.
 *
 * @publicApi
 */
export type ReplyIn<Called> = Called extends Call<unknown, infer Reply> ? Reply : never;
