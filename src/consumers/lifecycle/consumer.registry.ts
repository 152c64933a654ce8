import { showAs } from '../../../lib/shown/index.js';
import { Injectable } from '@nestjs/common';
import { defer, merge, type Observable } from 'rxjs';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import type { ConsumerCancelledEvent } from '../../connection/connection-events.js';
import { ConfigurationError, ConnectionClosedError } from '../../../lib/client/index.js';
import { checkAdded, type AddedConsumerOptions, type AddedHandler } from '../options/added-options.js';
import { lastValue } from '../pipeline/nest-contexts.js';
import { checkedLimits, type ConsumerLimits } from './consumer-limits.js';
import { AmqpConsumerHandle } from './consumer-handle.js';
import { ConsumerFactory } from './consumer.factory.js';
import { UnknownConsumerError } from '../consumer.errors.js';
import type { ConsumerStatus } from './consumer-status.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { SettlerFactory } from '../../settlement/settler.factory.js';
import type { SupervisedConsumer } from './supervised-consumer.js';

/**
 * Selects consumers by queue, by handler, or by both. A call without a selector concerns all consumers. An empty selector,
 * an unknown property and a property without a value are errors.
 *
 * @publicApi
 */
export interface ConsumerSelector {
  /** Name of the queue. */
  readonly queue?: string;
  /** Class and method of the handler: `BillingConsumer.onOrder`. Selects the consumer with all handlers that share it. */
  readonly handler?: string;
}

/**
 * The consumers of the application. It shows their state, pauses and resumes them, and reports failed messages. Inject it
 * into any provider.
 *
 * @example
 * ```ts
 * constructor(private readonly consumers: AmqpConsumerRegistry) {}
 *
 * async maintain(): Promise<void> {
 *   await this.consumers.pause({ queue: 'billing' });
 *   await this.migrate();
 *   await this.consumers.resume({ queue: 'billing' });
 * }
 * ```
 *
 * @publicApi
 */
@Injectable()
export class AmqpConsumerRegistry {
  /** The consumers, each with the name of its connection. */
  private readonly consumers = new Map<SupervisedConsumer, string>();

  /**
   * Emits each consumer that the broker has cancelled (https://www.rabbitmq.com/docs/consumer-cancel). Completes when the
   * application shuts down.
   */
  readonly cancels$: Observable<ConsumerCancelledEvent>;

  /**
   * Emits each failed attempt with its error and the settlement of the message. Completes when the application shuts down.
   *
   * @example
   * ```ts
   * this.consumers.failures$.subscribe(({ queue, decision }) => this.metrics.count(queue, decision));
   * ```
   */
  readonly failures$: Observable<ConsumerFailure>;

  /** True once the application stops its consumers. */
  private over = false;

  /** @internal */
  constructor(
    private readonly connections: ConnectionRegistry,
    settlers: SettlerFactory,
    private readonly factory: ConsumerFactory,
  ) {
    this.failures$ = settlers.failures$;
    this.cancels$ = defer(() => merge(...connections.all().map(({ events }) => events.cancels)));
  }

  /**
   * Returns the present state of each consumer, in no particular order. The list is empty until the application has
   * started, and if the selector fits no consumer.
   *
   * @example
   * ```ts
   * const [billing] = this.consumers.list({ queue: 'billing' });
   * ```
   *
   * @throws ConfigurationError for an invalid selector
   */
  list(selector?: ConsumerSelector): readonly ConsumerStatus[] {
    return this.select(selector).map((consumer) => ({
      ...consumer.status,
      connection: this.consumers.get(consumer)!,
    }));
  }

  /**
   * Stops deliveries until {@link resume}, also across reconnects. Resolves once the broker delivers nothing more. Running
   * handlers continue, also those whose message is being decoded; messages that no handler has started with return to their
   * queue. Has no effect on a paused consumer.
   *
   * @throws UnknownConsumerError if the selector fits no consumer; ConfigurationError for an invalid selector
   */
  async pause(selector?: ConsumerSelector): Promise<void> {
    await settleAll(this.known(selector).map((consumer) => consumer.pause()));
  }

  /**
   * Restarts the deliveries of paused consumers. Resolves once the broker has registered them. While the broker is away, it
   * waits without a limit, and the consumers resume when the connection is back: do not await it in an HTTP handler, or race it
   * with a timer.
   *
   * @throws UnknownConsumerError if the selector fits no consumer; ConfigurationError for an invalid selector;
   * ConsumerStartError if a consumer cannot consume its queue: that consumer stays paused
   */
  async resume(selector?: ConsumerSelector): Promise<void> {
    await settleAll(this.known(selector).map((consumer) => consumer.resume()));
  }

  /**
   * Changes the limits of consumers while the application runs, until it ends. Running handlers continue, and count for
   * `concurrency`. For another `prefetch` a consumer is registered anew at the broker: messages that no handler has started
   * with return to their queue. Paused consumers have the new limits when they resume.
   *
   * @example
   * ```ts
   * await this.consumers.adjust({ queue: 'billing' }, { prefetch: 50, concurrency: 5 });
   * ```
   *
   * @throws UnknownConsumerError if the selector fits no consumer; ConfigurationError for an invalid selector, invalid limits and a
   * batch consumer; ConsumerStartError if the broker refuses: that consumer keeps its limits and is restored with them
   * @see https://www.rabbitmq.com/docs/consumer-prefetch
   */
  async adjust(selector: ConsumerSelector, limits: ConsumerLimits): Promise<void> {
    const checked = checkedLimits(limits);
    await settleAll(this.known(selector).map((consumer) => consumer.adjust(checked)));
  }

  /**
   * Adds a consumer while the application runs, for example for a tenant. Resolves when the broker has registered it; with
   * `startup: 'background'` at once. While the connection is lost, it waits until it is back, without a limit. It is paused, listed, restored after losses and stopped with the application like any
   * other consumer. Declare its queue with {@link AmqpTopology}.
   *
   * @example
   * ```ts
   * const consumer = await this.consumers.add(`orders.${tenant}`, (order: Order) => this.bill(tenant, order), { prefetch: 5 });
   * await consumer.stop();
   * ```
   *
   * @param handler gets the decoded payload and the context. Guards, pipes, interceptors and filters do not apply
   * @throws ConsumerStartError if the queue cannot be consumed; ConfigurationError for wrong arguments; InvalidConsumerError
   * for options that exclude each other; ConnectionClosedError if the application is shutting down. Nothing of the
   * consumer is left then
   */
  async add<Payload = unknown>(
    queue: string,
    handler: AddedHandler<Payload>,
    options: AddedConsumerOptions = {},
  ): Promise<AmqpConsumerHandle> {
    const { name, options: checked } = checkAdded(queue, handler, options);
    this.refuseWhenOver();
    const connection = this.connections.get(checked.connection, `AmqpConsumerRegistry.add('${queue}')`);
    const consumer = this.factory.create({
      kind: 'message',
      name,
      handlers: [name],
      queue,
      connection,
      bindings: [],
      options: checked,
      handler: async (payload, context) => lastValue(await handler(payload as Payload, context)),
    });
    this.adopt(consumer, connection.name);
    try {
      await connection.whenOpen(() => consumer.start());
      this.refuseWhenOver();
    } catch (error) {
      await this.remove(consumer);
      throw error;
    }
    return new AmqpConsumerHandle(consumer, connection.name, () => this.remove(consumer));
  }

  /** @internal */
  adopt(consumer: SupervisedConsumer, connection: string): void {
    this.consumers.set(consumer, connection);
  }

  private async remove(consumer: SupervisedConsumer): Promise<void> {
    try {
      await consumer.retire();
    } finally {
      this.consumers.delete(consumer);
    }
  }

  private refuseWhenOver(): void {
    if (this.over) throw new ConnectionClosedError('The application is shutting down: no consumer can be added.');
  }

  /** @internal */
  async stop(): Promise<void> {
    this.over = true;
    await settleAll([...this.consumers.keys()].map((consumer) => consumer.stop()));
  }

  private known(selector: ConsumerSelector | undefined): readonly SupervisedConsumer[] {
    const consumers = this.select(selector);
    if (consumers.length > 0 || selector === undefined) return consumers;
    throw new UnknownConsumerError(selector, [...this.consumers.keys()]);
  }

  private select(selector: ConsumerSelector | undefined): readonly SupervisedConsumer[] {
    const all = [...this.consumers.keys()];
    if (selector === undefined) return all;
    checkSelector(selector);
    const { queue, handler } = selector;
    return all.filter(
      (consumer) =>
        (queue === undefined || consumer.queue === queue) &&
        (handler === undefined || consumer.handlers.includes(handler)),
    );
  }
}

const SELECTORS: readonly string[] = ['queue', 'handler'];

/** Checks a selector, so that a mistake in JavaScript does not select every consumer. @throws ConfigurationError */
function checkSelector(selector: unknown): void {
  if (typeof selector !== 'object' || selector === null || Array.isArray(selector)) {
    throw new ConfigurationError(
      `AmqpConsumerRegistry: a selector must be an object such as { queue: 'billing' }, not ${describeType(selector)}`,
    );
  }
  const given = Object.entries(selector);
  const unknown = given.find(([name]) => !SELECTORS.includes(name));
  if (unknown) {
    throw new ConfigurationError(
      `AmqpConsumerRegistry: unknown selector '${unknown[0]}'; known are: ${SELECTORS.join(', ')}`,
    );
  }
  const wrong = given.find(([, value]) => typeof value !== 'string' || value === '');
  if (wrong) {
    throw new ConfigurationError(`AmqpConsumerRegistry: ${wrong[0]} must be a name, not ${describeType(wrong[1])}`);
  }
  if (given.length === 0) {
    throw new ConfigurationError('AmqpConsumerRegistry: the selector is empty; leave it out to select all consumers');
  }
}

function describeType(value: unknown): string {
  if (value === '') return 'an empty text';
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'a list' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** Waits for all of the work, then throws the first error. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

showAs(AmqpConsumerRegistry, (registry) => ({ consumers: registry.list() }));
