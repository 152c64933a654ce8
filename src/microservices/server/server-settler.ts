import { timeLimit } from '../../common/duration.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { BrokerDetour } from '../../settlement/retry/broker-detour.js';
import { Settler, type SettledConsumer } from '../../settlement/settler.js';
import { KnownTopology } from '../../topology/known-topology.js';
import type { ConnectionSource } from '../connection-source.js';
import { policyOf } from '../options/event-retries.js';
import type { AmqpTransportOptions } from '../options/transport-options.js';
import type { ServerQueue } from './server-queue.js';

/**
 * Creates the {@link Settler} of a server's queue. Failed events are retried and parked like messages of any consumer.
 */
export function serverSettler(
  source: ConnectionSource,
  server: Pick<ServerQueue, 'queue' | 'options'>,
  report: (failure: ConsumerFailure) => void,
  calls: Pick<SettledConsumer, 'redeliver' | 'stop' | 'onHeldChange'>,
): Settler {
  const { options } = server;
  const { environment } = source;
  const policy = policyOf('AmqpServer', options, environment.random);
  const consumer = {
    name: 'AmqpServer',
    // The broker may give the name later.
    get queue() {
      return server.queue;
    },
    ack: options.ack ?? 'auto',
    timeout: handlerTimeout(options),
    queueArguments: options.queueOptions?.arguments,
    ...calls,
  };
  const topology = new KnownTopology(source.topology);
  const detour = new BrokerDetour({ connections: source, topology }, consumer, policy);
  return new Settler(consumer, policy, detour, report, environment);
}

/** Ms; undefined for no limit. */
function handlerTimeout({ timeout }: AmqpTransportOptions): number | undefined {
  const ms = timeout === undefined ? Infinity : timeLimit(timeout, 'AmqpServer: timeout');
  return ms === Infinity ? undefined : ms;
}
