import { showAs } from '../../lib/shown/index.js';
import { Injectable } from '@nestjs/common';
import { AmqpConsumerRegistry } from '../consumers/lifecycle/consumer.registry.js';
import type { ConsumerState, ConsumerStatus } from '../consumers/lifecycle/consumer-status.js';
import type { SlowHandlers } from '../settlement/handlings.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import type { AmqpConnectionState, ConnectionStatus } from '../connection/connection-status.js';

/** The state of the connections under one name. */
export interface ConnectionHealth {
  /** State of the connection for publishing. */
  readonly publishing: AmqpConnectionState;
  /** State of the connection for consuming. */
  readonly consuming: AmqpConnectionState;
  /**
   * The reason why one of them is not open, or why its credentials, which expire, are not renewed. The text contains no
   * credentials.
   */
  readonly reason?: string;
}

/** A consumer that does not consume although it was not paused. */
export interface ConsumerHealth {
  /** Class and method of the handler: `BillingConsumer.onOrder`. */
  readonly handler: string;
  /** Name of the queue. */
  readonly queue: string;
  /** Why it does not consume: `starting`, `recovering` or `stopped`. */
  readonly state: ConsumerState;
  /** The error because of which it does not consume, if there is one. */
  readonly reason?: string;
}

/** A consumer that consumes but has messages that make no progress. */
export interface StuckMessages {
  /** Class and method of the handler: `BillingConsumer.onOrder`. */
  readonly handler: string;
  /** Name of the queue. */
  readonly queue: string;
  /** Number of failed messages that the broker accepts neither for a retry nor for the parked queue now. */
  readonly held?: number;
  /** Handlers that have run for a minute or longer. */
  readonly slow?: SlowHandlers;
}

/**
 * The result of {@link AmqpHealthIndicator}.
 *
 * @publicApi
 */
export interface AmqpHealth {
  /** `up` if every connection is open and every consumer that is not paused consumes. */
  readonly status: 'up' | 'down';
  /** States by name of the connection. */
  readonly connections: Readonly<Record<string, ConnectionHealth>>;
  /** Number of consumers in each state. */
  readonly consumers: Readonly<Partial<Record<ConsumerState, number>>>;
  /** Consumers that should consume and do not. */
  readonly failing: readonly ConsumerHealth[];
  /** Consumers with messages that make no progress. They do not make the status `down`. Missing if there are none. */
  readonly stuck?: readonly StuckMessages[];
}

/**
 * Reports to `@nestjs/terminus` whether the application can publish and consume. The status is up when every connection
 * is open and every consumer that was not paused is consuming. The indicator only reads the state of existing
 * connections and consumers and sends nothing to the broker, so it is cheap to call.
 *
 * The result has the form of terminus' own `HealthIndicatorService.check(key).up(…)` and `.down(…)`; terminus itself is
 * not needed.
 *
 * @example
 * ```ts
 * constructor(private readonly health: HealthCheckService, private readonly amqp: AmqpHealthIndicator) {}
 *
 * @Get('health')
 * @HealthCheck()
 * check() {
 *   return this.health.check([() => this.amqp.isHealthy('amqp')]);
 * }
 * ```
 *
 * @publicApi
 */
@Injectable()
export class AmqpHealthIndicator {
  constructor(
    private readonly connections: ConnectionRegistry,
    private readonly consumers: AmqpConsumerRegistry,
  ) {}

  /**
   * Returns the state of all connections and consumers. Sends nothing to the broker, and never throws.
   *
   * @param key the key of the result. Default `amqp`
   */
  isHealthy<const Key extends string = 'amqp'>(key: Key = 'amqp' as Key): Record<Key, AmqpHealth> {
    const consumers = this.consumers.list();
    const connections = Object.fromEntries(
      this.connections.all().map(({ name, connections: pair }) => [name, healthOf(pair.publishing, pair.consuming)]),
    );
    const failing = consumers
      .filter(({ state }) => state !== 'consuming' && state !== 'paused')
      .map(({ handler, queue, state, error }) => ({ handler, queue, state, ...(error && { reason: error.message }) }));
    const open = Object.values(connections).every(
      ({ publishing, consuming }) => publishing === 'open' && consuming === 'open',
    );
    const states: Partial<Record<ConsumerState, number>> = {};
    for (const { state } of consumers) states[state] = (states[state] ?? 0) + 1;
    const status = open && failing.length === 0 ? 'up' : 'down';
    const stuck = consumers.flatMap(stuckMessages);
    const health: AmqpHealth = {
      status,
      connections,
      consumers: states,
      failing,
      ...(stuck.length > 0 && { stuck }),
    };
    return { [key]: health } as Record<Key, AmqpHealth>;
  }
}

function stuckMessages({ handler, queue, held, slow }: ConsumerStatus): StuckMessages[] {
  if (held === 0 && !slow) return [];
  return [{ handler, queue, ...(held > 0 && { held }), ...(slow && { slow }) }];
}

function healthOf(publishing: ConnectionStatus, consuming: ConnectionStatus): ConnectionHealth {
  const reason = publishing.reason ?? consuming.reason;
  return { publishing: publishing.state, consuming: consuming.state, ...(reason === undefined ? {} : { reason }) };
}

showAs(AmqpHealthIndicator, (health) => health.isHealthy());
