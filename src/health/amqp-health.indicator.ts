import { Injectable } from '@nestjs/common';
import { AmqpConsumerRegistry } from '../consumers/lifecycle/consumer.registry.js';
import type { ConsumerState } from '../consumers/lifecycle/consumer-status.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import type { ConnectionState, ConnectionStatus } from '../connection/connection-status.js';

/** How one connection name is doing. */
export interface ConnectionHealth {
  readonly publishing: ConnectionState;
  readonly consuming: ConnectionState;
  /** Why one of them is not open, without credentials. */
  readonly reason?: string;
}

/** A consumer that does not consume, and was not paused. */
export interface ConsumerHealth {
  readonly handler: string;
  readonly queue: string;
  readonly state: ConsumerState;
  readonly reason?: string;
}

/**
 * What {@link AmqpHealthIndicator} found.
 *
 * @publicApi
 */
export interface AmqpHealth {
  readonly status: 'up' | 'down';
  /** By name of the connection. */
  readonly connections: Readonly<Record<string, ConnectionHealth>>;
  /** How many consumers there are, in each state that there is one in. */
  readonly consumers: Readonly<Partial<Record<ConsumerState, number>>>;
  /** Those that should consume and do not. */
  readonly failing: readonly ConsumerHealth[];
}

/**
 * Tells `@nestjs/terminus` whether messages flow: up when every connection is open and every consumer that was not paused
 * is consuming. It looks at the connections and consumers that are there; it opens none, and asks the broker nothing, so it
 * may be asked as often as one likes.
 *
 * The answer has the form of terminus' own `HealthIndicatorService.check(key).up(…)` and `.down(…)`, and needs nothing of it.
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

  /** @param key under which the health is told */
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
    const health: AmqpHealth = { status, connections, consumers: states, failing };
    return { [key]: health } as Record<Key, AmqpHealth>;
  }
}

function healthOf(publishing: ConnectionStatus, consuming: ConnectionStatus): ConnectionHealth {
  const reason = publishing.reason ?? consuming.reason;
  return { publishing: publishing.state, consuming: consuming.state, ...(reason === undefined ? {} : { reason }) };
}
