import type { Random } from '../../../lib/environment/index.js';
import { timeLimit } from '../../common/duration.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { BrokerDetour } from '../../settlement/retry/broker-detour.js';
import { RetryPolicy, type RetryPlace } from '../../settlement/retry/retry-policy.js';
import { Settler, type SettledConsumer } from '../../settlement/settler.js';
import { KnownTopology } from '../../topology/known-topology.js';
import type { ConnectionSource } from '../connection-source.js';
import { isTakenAsItIs, type AmqpTransportOptions } from '../options/transport-options.js';
import { isExclusive } from '../options/transport-topology.js';
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
  const { clock, random } = source.environment;
  const policy = policyOf(options, random);
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
  return new Settler(consumer, policy, detour, report, clock);
}

/** Decides the retries of a server's events. @throws ConfigurationError */
export function policyOf(options: AmqpTransportOptions, random?: Random): RetryPolicy {
  return new RetryPolicy('AmqpServer', retryOf(options), placeOf(options), random);
}

/** Ms; undefined for no limit. */
function handlerTimeout({ timeout }: AmqpTransportOptions): number | undefined {
  const ms = timeout === undefined ? Infinity : timeLimit(timeout, 'AmqpServer: timeout');
  return ms === Infinity ? undefined : ms;
}

function retryOf(options: AmqpTransportOptions): AmqpTransportOptions['retry'] {
  if (options.retry !== undefined) return options.retry;
  return isTakenAsItIs(options) ? { attempts: 1, then: 'dead-letter' } : undefined;
}

function placeOf(options: AmqpTransportOptions): RetryPlace {
  if (options.queueOptions?.arguments?.['x-queue-type'] === 'stream') return 'stream';
  return isExclusive(options) ? 'process' : 'broker';
}
