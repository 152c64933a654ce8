import { ConfigurationError } from '../../lib/client/index.js';
import { showAs } from '../../lib/shown/index.js';
import { expectValue, FUNCTION, NAME, OBJECT } from '../common/option-values.js';
import { ContractError } from './contract.errors.js';
import { checkedEventOptions, type EventContractOptions } from './contract-options.js';
import type { ContractSchema, EventSchemas, InputOf, OutputOf, SendableEvents } from './contract-types.js';
import { isThenable } from '../common/thenable.js';
import { createValidator, expectKey, expectSchema } from './create-validator.js';
import type { Validator } from './validator.js';
import { eventAt, routeOf, type Route, type WithHeaders } from './version-header.js';

/** Characters of an unknown event that an error repeats. */
const MAX_NAME = 60;

/** Makes the payload of a newer event from that of an older one. */
interface Upcaster {
  readonly to: string;
  readonly convert: (old: unknown) => unknown;
}

/**
 * The events of one exchange: each routing key with the schema of its payload. Made by {@link defineEvents}.
 *
 * @example
 * ```ts
 * const orders: EventContract = defineEvents('orders', { 'order.created': z.object({ id: z.string() }) });
 * console.log(orders.exchange, orders.events); // orders ['order.created']
 * ```
 *
 * @publicApi
 */
export class EventContract<Schemas extends EventSchemas = EventSchemas> {
  private readonly validators = new Map<string, Validator>();
  private readonly routes = new Map<string, Route>();

  /** Use {@link defineEvents}. */
  constructor(
    /** Name of the exchange. */
    readonly exchange: string,
    /** The schema of each event. */
    readonly schemas: Schemas,
    private readonly options: EventContractOptions,
    private readonly upcasters: ReadonlyMap<string, Upcaster> = new Map(),
  ) {
    const { unknownFields = 'strip', versionHeader } = options;
    for (const [event, schema] of Object.entries(schemas)) {
      this.routes.set(event, routeOf(event, versionHeader));
      this.validators.set(event, createValidator(exchange, event, 'event', schema, unknownFields));
    }
  }

  /** The names of the events: their routing keys, with the version also if it is in a header. */
  get events(): readonly string[] {
    return [...this.validators.keys()];
  }

  /**
   * Returns a contract in which handlers of the newer event get the older one, too, as the newer one. The older payload is
   * validated by its own schema, converted, and validated by the schema of the newer event. Several versions make a chain:
   * each has an upcaster to the next.
   *
   * An error that `convert` throws is an error of the handler, so the message is retried.
   *
   * @example
   * ```ts
   * export const orders = defineEvents('orders', { 'order.created.v1': V1, 'order.created.v2': V2 }).upcast(
   *   'order.created.v1',
   *   'order.created.v2',
   *   ({ euros, ...rest }) => ({ ...rest, cents: euros * 100 }),
   * );
   * ```
   *
   * @throws ConfigurationError for an event that the contract does not have, a second upcaster of one event, or a circle
   */
  upcast<From extends keyof Schemas & string, To extends Exclude<keyof Schemas & string, From>>(
    from: From,
    to: To,
    convert: (old: OutputOf<Schemas[From]>) => InputOf<Schemas[To]>,
  ): EventContract<Schemas> {
    const what = `upcast('${from}', '${to}') of '${this.exchange}'`;
    for (const event of [from, to]) {
      if (!this.validators.has(event)) throw new ConfigurationError(`${what}: ${this.hasNo(event)}`);
    }
    expectValue(`${what}: the converter`, convert, FUNCTION);
    const other = this.upcasters.get(from);
    if (other) throw new ConfigurationError(`${what}: '${from}' is converted to '${other.to}' already`);
    if (from === (to as string) || this.newerThan(to).includes(from)) {
      throw new ConfigurationError(`${what}: the upcasters make a circle`);
    }
    const upcaster: Upcaster = { to, convert: convert as Upcaster['convert'] };
    return new EventContract(this.exchange, this.schemas, this.options, new Map([...this.upcasters, [from, upcaster]]));
  }

  /** @internal Returns where the messages of an event go. @throws ContractError */
  routeOf(event: string): Route {
    return this.routes.get(event) ?? this.refuseUnknown(event);
  }

  /** @internal Returns the event of a message. */
  eventOf(routingKey: string, message: WithHeaders): string {
    return eventAt(routingKey, message, this.options.versionHeader);
  }

  /** @internal Returns the events that upcasters convert to one of these. */
  olderThan(wanted: readonly string[]): readonly string[] {
    return this.events.filter(
      (event) => !wanted.includes(event) && this.newerThan(event).some((newer) => wanted.includes(newer)),
    );
  }

  /** @internal Output of `console.log`. */
  get shown(): object {
    return { exchange: this.exchange, events: this.events };
  }

  /** @internal Validates a payload and returns what is sent, or a promise of it. @throws ContractError */
  outgoing(event: string, payload: unknown): unknown {
    return this.validatorOf(event).outgoing(payload);
  }

  /**
   * @internal Validates a payload and returns what the handler gets, or a promise of it.
   *
   * @param wanted the events that the handler takes; any other is converted to the next of them
   * @throws ContractError
   */
  incoming(event: string, payload: unknown, wanted: readonly string[] = [event]): unknown {
    const validated = this.validatorOf(event).incoming(payload);
    return wanted.includes(event) ? validated : this.upcasted(event, validated, wanted);
  }

  private upcasted(event: string, payload: unknown, wanted: readonly string[]): unknown {
    if (isThenable(payload)) return Promise.resolve(payload).then((value) => this.upcasted(event, value, wanted));
    const upcaster = this.upcasters.get(event);
    if (!upcaster) {
      throw new ContractError(this.exchange, event, [
        { path: '', message: `it does not become ${wanted.join(' or ')}` },
      ]);
    }
    return this.incoming(upcaster.to, upcaster.convert(payload), wanted);
  }

  /** Returns the events that an event is converted to, from the next to the newest. */
  private newerThan(event: string): readonly string[] {
    const newer: string[] = [];
    let next = this.upcasters.get(event);
    for (; next; next = this.upcasters.get(next.to)) newer.push(next.to);
    return newer;
  }

  private validatorOf(event: string): Validator {
    return this.validators.get(event) ?? this.refuseUnknown(event);
  }

  private refuseUnknown(event: string): never {
    throw new ContractError(this.exchange, event, [{ path: '', message: this.hasNo(event) }]);
  }

  private hasNo(event: string): string {
    return `it has no '${event.slice(0, MAX_NAME)}', but ${this.events.map((name) => `'${name}'`).join(', ')}`;
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
export function defineEvents<const Schemas extends EventSchemas, const Options extends EventContractOptions = object>(
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
  return new EventContract<Schemas>(exchange, schemas, checkedEventOptions(what, options));
}

showAs(EventContract, (contract) => contract.shown);
