import { showAs } from '../../../lib/shown/index.js';
import { Injectable } from '@nestjs/common';
import { defer, merge, type Observable } from 'rxjs';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import type { ConsumerCancelledEvent } from '../../connection/connection-events.js';
import { ConfigurationError } from '../../../lib/client/index.js';
import { UnknownConsumerError } from '../consumer.errors.js';
import type { ConsumerStatus } from './consumer-status.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { SettlerFactory } from '../../settlement/settler.factory.js';
import type { SupervisedConsumer } from './supervised-consumer.js';

/**
 * Which consumers are meant: those of this queue, of this handler (`BillingConsumer.onOrder`), or of both. All consumers are
 * meant only where no selector is given at all: one that is empty, misspelt or undefined is an error.
 *
 * @publicApi
 */
export interface ConsumerSelector {
  readonly queue?: string;
  readonly handler?: string;
}

/**
 * The consumers of the application: what they are doing, and a switch to pause and resume them.
 *
 * @example
 * ```ts
 * constructor(private readonly consumers: AmqpConsumerRegistry) {}
 *
 * await this.consumers.pause({ queue: 'billing' });
 * ```
 *
 * @publicApi
 */
@Injectable()
export class AmqpConsumerRegistry {
  private readonly consumers: SupervisedConsumer[] = [];

  /** Every consumer that the broker has cancelled. Completes when the application shuts down. */
  readonly cancels$: Observable<ConsumerCancelledEvent>;

  /** Every message that was not handled: its attempt, the cause, and what became of it. Completes likewise. */
  readonly failures$: Observable<ConsumerFailure>;

  constructor(connections: ConnectionRegistry, settlers: SettlerFactory) {
    this.failures$ = settlers.failures$;
    this.cancels$ = defer(() => merge(...connections.all().map(({ events }) => events.cancels)));
  }

  /**
   * What each consumer is at this moment, in no particular order. Empty until the application has started.
   *
   * @throws ConfigurationError for a selector that selects nothing
   */
  list(selector?: ConsumerSelector): readonly ConsumerStatus[] {
    return this.select(selector).map(({ status }) => status);
  }

  /**
   * Stops deliveries until {@link resume}, across reconnects. Resolves once the broker delivers nothing more; handlers
   * that run go on, and what was delivered and not begun goes back to its queue. Pausing what is paused does nothing.
   *
   * @throws UnknownConsumerError when the selector fits none, ConfigurationError for a selector that selects nothing
   */
  async pause(selector?: ConsumerSelector): Promise<void> {
    await settleAll(this.known(selector).map((consumer) => consumer.pause()));
  }

  /**
   * Goes on with deliveries.
   *
   * @throws UnknownConsumerError when the selector fits none; ConfigurationError for a selector that selects nothing;
   * ConsumerStartError when one cannot consume its queue: that one stays paused
   */
  async resume(selector?: ConsumerSelector): Promise<void> {
    await settleAll(this.known(selector).map((consumer) => consumer.resume()));
  }

  /** @internal */
  add(consumer: SupervisedConsumer): void {
    this.consumers.push(consumer);
  }

  /** @internal */
  async stop(): Promise<void> {
    await settleAll(this.consumers.map((consumer) => consumer.stop()));
  }

  private known(selector: ConsumerSelector | undefined): readonly SupervisedConsumer[] {
    const consumers = this.select(selector);
    if (consumers.length > 0 || selector === undefined) return consumers;
    throw new UnknownConsumerError(
      selector,
      this.consumers.map(({ discovered }) => discovered),
    );
  }

  private select(selector: ConsumerSelector | undefined): readonly SupervisedConsumer[] {
    if (selector === undefined) return this.consumers;
    checkSelector(selector);
    const { queue, handler } = selector;
    return this.consumers.filter(
      ({ discovered }) =>
        (queue === undefined || discovered.queue === queue) && (handler === undefined || discovered.name === handler),
    );
  }
}

const SELECTORS: readonly string[] = ['queue', 'handler'];

/** JavaScript and computed selectors: a mistake must not mean every consumer. @throws ConfigurationError */
function checkSelector(selector: unknown): void {
  if (typeof selector !== 'object' || selector === null || Array.isArray(selector)) {
    throw new ConfigurationError(
      `AmqpConsumerRegistry: a selector is an object, { queue: 'billing' } for instance, not ${describeType(selector)}`,
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
    throw new ConfigurationError(`AmqpConsumerRegistry: ${wrong[0]} has to be a name, not ${describeType(wrong[1])}`);
  }
  if (given.length === 0) {
    throw new ConfigurationError('AmqpConsumerRegistry: an empty selector; leave it out for all consumers');
  }
}

function describeType(value: unknown): string {
  if (value === '') return 'an empty text';
  return value === null || Array.isArray(value) ? `a ${value === null ? 'null' : 'list'}` : `a ${typeof value}`;
}

/** All of it, then the first error. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

showAs(AmqpConsumerRegistry, (registry) => ({ consumers: registry.list() }));
