import { showAs } from '../../lib/shown/index.js';
import type { RequestOptions } from './request-options.js';
import type { ConfirmingPublisher } from './confirming.publisher.js';
import type { PublishOptions } from './publish-options.js';
import type { PublishReceipt } from '../connection/publish-receipt.js';
import type { PublisherDefinition } from './publisher-options.js';

/** The routing keys of a map from routing key to payload type. */
type RoutingKey<Events> = keyof Events & string;

/**
 * Publishes to one exchange, on a channel of its own. Register it with {@link AmqpModule.forFeature} and inject it with
 * {@link InjectPublisher}.
 *
 * `Events` maps each routing key to the type of its payload: another key, or another payload, does not compile. Keys may
 * be patterns: `` [key: `order.${string}`]: Order ``. Without it everything goes.
 *
 * @example
 * ```ts
 * interface OrderEvents {
 *   'order.created': Order;
 *   'order.cancelled': { id: string };
 * }
 *
 * constructor(@InjectPublisher('orders') private readonly orders: ExchangePublisher<OrderEvents>) {}
 *
 * await this.orders.publish('order.cancelled', { id });
 * ```
 *
 * @publicApi
 */
export class ExchangePublisher<Events extends object = Record<string, unknown>> {
  private opened: ConfirmingPublisher | undefined;

  /** The module makes it; inject it. */
  constructor(
    private readonly definition: Pick<PublisherDefinition, 'exchange' | 'defaults'>,
    private readonly open: () => ConfirmingPublisher,
  ) {}

  /** @internal For `console.log`. */
  get shown(): object {
    return { exchange: this.definition.exchange };
  }

  /** Resolves once the broker has confirmed the message. @throws as {@link ConfirmingPublisher.publish} */
  async publish<Key extends RoutingKey<Events>>(
    routingKey: Key,
    payload: Events[Key],
    options?: PublishOptions,
  ): Promise<PublishReceipt> {
    return this.publisher.publish(this.definition.exchange, routingKey, payload, this.complete(options));
  }

  /** Asks, and resolves with the answer. @throws as {@link ConfirmingPublisher.request} */
  async request<Reply = unknown, Key extends RoutingKey<Events> = RoutingKey<Events>>(
    routingKey: Key,
    payload: Events[Key],
    options?: RequestOptions,
  ): Promise<Reply> {
    return this.publisher.request<Reply>(this.definition.exchange, routingKey, payload, this.complete(options));
  }

  private get publisher(): ConfirmingPublisher {
    return (this.opened ??= this.open());
  }

  /** By `Object.assign`, which V8 does in a twentieth of what it needs for spread. */
  private complete<O extends PublishOptions>(options?: O): O {
    const { defaults = {} } = this.definition;
    const completed = Object.assign({}, defaults, options);
    if (!defaults.headers) return completed;
    return Object.assign(completed, { headers: Object.assign({}, defaults.headers, options?.headers) });
  }
}

showAs(ExchangePublisher, (publisher) => publisher.shown);
