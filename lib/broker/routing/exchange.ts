import type { FieldTable } from '../../protocol/field-table.js';
import type { Binding, Destination } from './binding.js';
import { inequivalent, preconditionFailed } from '../errors.js';
import { difference, sameValue, typeName } from './field-values.js';
import type { Message } from '../queue/message.js';
import type { Router } from './routers.js';

/** The properties of an exchange that exchange.declare gives. */
export interface ExchangeProperties {
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

/** An exchange with its bindings. The virtual host manages the bindings, since it knows both ends. */
export class Exchange {
  readonly kind = 'exchange';
  /** The exchange that receives messages without a matching binding (https://www.rabbitmq.com/docs/ae). */
  readonly alternate: string | undefined;
  /** Bindings from this exchange, by key. */
  readonly outbound = new Map<string, Binding>();

  /** @throws BrokerError if the arguments are invalid */
  constructor(
    readonly name: string,
    readonly properties: ExchangeProperties,
    private readonly router: Router,
    private readonly vhost: string,
  ) {
    const alternate = properties.arguments['alternate-exchange'];
    if (alternate !== undefined && typeof alternate !== 'string') {
      throw preconditionFailed(
        `invalid type '${typeName(alternate)}' for arg 'alternate-exchange' in exchange '${name}' in vhost '${vhost}'`,
      );
    }
    this.alternate = alternate;
  }

  /** @throws BrokerError (PRECONDITION_FAILED) that names the difference */
  assertEquivalent(wanted: ExchangeProperties): void {
    const { properties } = this;
    const differs = (argument: string, difference: string): never => {
      throw inequivalent(argument, 'exchange', this.name, this.vhost, difference);
    };
    for (const [argument, name] of [
      ['type', 'type'],
      ['durable', 'durable'],
      ['auto_delete', 'autoDelete'],
      ['internal', 'internal'],
    ] as const) {
      if (wanted[name] !== properties[name]) {
        differs(argument, `received '${wanted[name]}' but current is '${properties[name]}'`);
      }
    }
    const [received, current] = [wanted, properties].map((of) => of.arguments['alternate-exchange']);
    if (!sameValue(received, current)) differs('alternate-exchange', difference(received, current));
  }

  /** @throws BrokerError */
  addBinding(key: string, binding: Binding): void {
    this.router.add(binding);
    this.outbound.set(key, binding);
  }

  removeBinding(key: string, binding: Binding): void {
    this.router.remove(binding);
    this.outbound.delete(key);
  }

  route(message: Message, found: (destination: Destination) => void): void {
    this.router.route(message, found);
  }
}
