import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import { ConfirmingPublisher } from './confirming.publisher.js';

/** The tokens of one kind, by name. */
class NamedTokens {
  private readonly tokens = new Map<string, InjectionToken>();
  private readonly provided = new Set<string>();

  /** @param register how a name is provided, for people */
  constructor(
    private readonly kind: string,
    private readonly register: (name: string) => string,
  ) {}

  /** One and the same for one name. When nobody provides it, Nest's error says who is provided. */
  get(name: string): InjectionToken {
    const known = this.tokens.get(name);
    if (known) return known;
    // Nest puts the name of a function into its error, and asks for it then: when all modules are known.
    const token = Object.defineProperty(() => {}, 'name', { get: () => this.describe(name) });
    this.tokens.set(name, token);
    return token;
  }

  provide(name: string): InjectionToken {
    this.provided.add(name);
    return this.get(name);
  }

  private describe(name: string): string {
    if (this.provided.has(name)) return `${this.kind} '${name}'`;
    const others = [...this.provided].map((other) => `'${other}'`).join(', ') || 'none';
    return `${this.kind} '${name}'; known are: ${others}; register it by ${this.register(name)}`;
  }
}

const publishers = new NamedTokens(
  'publisher',
  (name) => `AmqpModule.forFeature([{ publisher: '${name}', exchange }])`,
);
const confirmingPublishers = new NamedTokens(
  'ConfirmingPublisher of connection',
  (name) => `AmqpModule.forRoot({ name: '${name}', url })`,
);

/**
 * Token of the {@link ConfirmingPublisher} of a connection. That of the connection without a name is the class.
 *
 * @publicApi
 */
export function getConfirmingPublisherToken(connection: string = DEFAULT_CONNECTION): InjectionToken {
  return connection === DEFAULT_CONNECTION ? ConfirmingPublisher : confirmingPublishers.get(connection);
}

/** As {@link getConfirmingPublisherToken}, for its provider. */
export function provideConfirmingPublisher(connection: string): InjectionToken {
  return connection === DEFAULT_CONNECTION ? ConfirmingPublisher : confirmingPublishers.provide(connection);
}

/**
 * Token of a publisher that {@link AmqpModule.forFeature} has registered.
 *
 * @publicApi
 */
export function getPublisherToken(publisher: string): InjectionToken {
  return publishers.get(publisher);
}

/** As {@link getPublisherToken}, for its provider. */
export function providePublisher(publisher: string): InjectionToken {
  return publishers.provide(publisher);
}

/**
 * Injects the {@link ConfirmingPublisher} of a named connection; that of the connection without a name needs no decorator.
 *
 * @example
 * ```ts
 * constructor(@InjectConfirmingPublisher('billing') private readonly publisher: ConfirmingPublisher) {}
 * ```
 *
 * @publicApi
 */
export function InjectConfirmingPublisher(connection?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getConfirmingPublisherToken(connection));
}

/**
 * Injects an {@link ExchangePublisher} by the name that {@link AmqpModule.forFeature} has registered it under.
 *
 * @example
 * ```ts
 * constructor(@InjectPublisher('orders') private readonly orders: ExchangePublisher<OrderEvents>) {}
 * ```
 *
 * @publicApi
 */
export function InjectPublisher(publisher: string): PropertyDecorator & ParameterDecorator {
  return Inject(getPublisherToken(publisher));
}
