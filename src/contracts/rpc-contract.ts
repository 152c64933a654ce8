import { showAs } from '../../lib/shown/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { expectValue, OBJECT, TEXT } from '../common/option-values.js';
import { checkedContractOptions, type ContractOptions } from './contract-options.js';
import { ContractError } from './contract.errors.js';
import type { RpcSchema, RpcSchemas, SendableRpc } from './contract-types.js';
import { createValidator, expectKey, expectSchema } from './create-validator.js';
import type { Validator } from './validator.js';
import type { Route } from './version-header.js';

const SCHEMA = namesOf({ request: 0, reply: 0 } satisfies Record<keyof RpcSchema, 0>);

/** The validators of one kind of request. */
interface Validators {
  readonly request: Validator;
  readonly reply: Validator;
}

/**
 * The requests of one exchange: each routing key with the schemas of its request and its reply. Made by {@link defineRpc}.
 *
 * @example
 * ```ts
 * const prices: RpcContract = defineRpc('prices', {
 *   'price.quote': { request: z.object({ item: z.string() }), reply: z.object({ cents: z.number() }) },
 * });
 * console.log(prices.exchange, prices.requests); // prices ['price.quote']
 * ```
 *
 * @publicApi
 */
export class RpcContract<Schemas extends RpcSchemas = RpcSchemas> {
  private readonly validators = new Map<string, Validators>();

  /** Use {@link defineRpc}. */
  constructor(
    /** Name of the exchange. */
    readonly exchange: string,
    /** The schemas of each request and its reply. */
    readonly schemas: Schemas,
    { unknownFields = 'strip' }: ContractOptions,
  ) {
    for (const [key, { request, reply }] of Object.entries(schemas)) {
      this.validators.set(key, {
        request: createValidator(exchange, key, 'request', request, unknownFields),
        reply: createValidator(exchange, key, 'reply', reply, unknownFields),
      });
    }
  }

  /** The routing keys of the requests. */
  get requests(): readonly string[] {
    return [...this.validators.keys()];
  }

  /** @internal Output of `console.log`. */
  get shown(): object {
    return { exchange: this.exchange, requests: this.requests };
  }

  /** @internal Returns where a request goes. */
  routeOf(routingKey: string): Route {
    return { routingKey };
  }

  /** @internal Validates a request and returns what is sent, or a promise of it. @throws ContractError */
  outgoing(key: string, payload: unknown): unknown {
    return this.validatorsOf(key).request.outgoing(payload);
  }

  /** @internal Validates a request and returns what the handler gets, or a promise of it. @throws ContractError */
  incoming(key: string, payload: unknown): unknown {
    return this.validatorsOf(key).request.incoming(payload);
  }

  /** @internal Validates a reply and returns what is sent, or a promise of it. @throws ContractError */
  outgoingReply(key: string, reply: unknown): unknown {
    return this.validatorsOf(key).reply.outgoing(reply);
  }

  /** @internal Validates a reply and returns what the caller gets, or a promise of it. @throws ContractError */
  incomingReply(key: string, reply: unknown): unknown {
    return this.validatorsOf(key).reply.incoming(reply);
  }

  private validatorsOf(key: string): Validators {
    const validators = this.validators.get(key);
    if (validators) return validators;
    const known = this.requests.map((name) => `'${name}'`).join(', ');
    throw new ContractError(this.exchange, key, [{ path: '', message: `it has the requests ${known}` }], 'request');
  }
}

/**
 * Defines the requests of an exchange: one object, which callers and handlers of several services import.
 *
 * - Give it to {@link AmqpModule.forFeature} in place of the exchange: `request()` validates the request before it is sent,
 *   and the reply before it resolves.
 * - Give it to {@link AmqpRequest}: the handler gets validated requests, and its reply is validated before it is sent.
 *
 * @example
 * ```ts
 * export const prices = defineRpc('prices', {
 *   'price.quote': { request: z.object({ item: z.string() }), reply: z.object({ cents: z.number() }) },
 * });
 * ```
 *
 * @param exchange the name of the exchange; `''` is the default exchange, whose routing keys are names of queues
 * @param schemas by routing key: Standard Schemas (Zod, Valibot, ArkType, …) or classes with decorators of class-validator
 * @throws ConfigurationError for a key with wildcards, a value that is no schema, or a wrong option
 * @publicApi
 */
export function defineRpc<const Schemas extends RpcSchemas, const Options extends ContractOptions = object>(
  exchange: string,
  schemas: Schemas & SendableRpc<Schemas, Options>,
  options?: Options,
): RpcContract<Schemas> {
  const what = 'defineRpc()';
  expectValue(`${what}: the name of the exchange`, exchange, TEXT);
  expectValue(`${what}: the requests of '${exchange}'`, schemas, OBJECT);
  for (const [key, both] of Object.entries<RpcSchema>(schemas)) {
    expectKey(`${what}: '${key}'`, key);
    expectValue(`${what}: '${key}'`, both, OBJECT);
    refuseUnknown(`${what}: '${key}'`, both, SCHEMA);
    expectSchema(`${what}: the request of '${key}'`, both.request);
    expectSchema(`${what}: the reply of '${key}'`, both.reply);
  }
  return new RpcContract<Schemas>(exchange, schemas, checkedContractOptions(what, options));
}

showAs(RpcContract, (contract) => contract.shown);
