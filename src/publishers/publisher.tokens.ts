import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import { ConfirmingPublisher } from './confirming.publisher.js';

/** Injection tokens of one kind, by name. */
class NamedTokens {
  private readonly tokens = new Map<string, InjectionToken>();
  private readonly provided = new Set<string>();

  /** @param register how to provide a name, for the error text */
  constructor(
    private readonly kind: string,
    private readonly register: (name: string) => string,
  ) {}

  /** Returns the same token for the same name. If nobody provides it, Nest's error lists the provided names. */
  get(name: string): InjectionToken {
    const known = this.tokens.get(name);
    if (known) return known;
    // Nest puts the name of a function into its error. It reads the name at that moment, when all modules are known.
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
 * Returns the injection token of a connection's {@link ConfirmingPublisher}. For the connection without a name it is
 * the class.
 *
 * @example
 * ```ts
 * const publisher = app.get<ConfirmingPublisher>(getConfirmingPublisherToken('billing'));
 * ```
 *
 * @publicApi
 */
export function getConfirmingPublisherToken(connection: string = DEFAULT_CONNECTION): InjectionToken {
  return connection === DEFAULT_CONNECTION ? ConfirmingPublisher : confirmingPublishers.get(connection);
}

/** Returns the same token as {@link getConfirmingPublisherToken}, and records that it is provided. */
export function provideConfirmingPublisher(connection: string): InjectionToken {
  return connection === DEFAULT_CONNECTION ? ConfirmingPublisher : confirmingPublishers.provide(connection);
}

/**
 * Returns the injection token of a publisher that {@link AmqpModule.forFeature} has registered.
 *
 * @example
 * ```ts
 * const module = Test.createTestingModule({ imports: [AppModule] }).overrideProvider(getPublisherToken('orders'));
 * ```
 *
 * @publicApi
 */
export function getPublisherToken(publisher: string): InjectionToken {
  return publishers.get(publisher);
}

/** Returns the same token as {@link getPublisherToken}, and records that it is provided. */
export function providePublisher(publisher: string): InjectionToken {
  return publishers.provide(publisher);
}

/**
 * Injects the {@link ConfirmingPublisher} of a named connection. The publisher of the connection without a name needs
 * no decorator.
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
 * Injects an {@link ExchangePublisher} by the name given to {@link AmqpModule.forFeature}.
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
