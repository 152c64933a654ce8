import type { Consumer, Delivery } from '../../../lib/client/index.js';
import { timeLimit } from '../../common/duration.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { BrokerDetour } from '../../settlement/retry/broker-detour.js';
import { RetryPolicy, type RetryPlace } from '../../settlement/retry/retry-policy.js';
import { Settler } from '../../settlement/settler.js';
import type { ConnectionSource } from '../connection-source.js';
import { isTakenAsItIs, type AmqpTransportOptions } from '../options/transport-options.js';
import type { ServerQueue } from '../options/transport-topology.js';

/** The part of the server's consumer that the settler uses; the consumer is created later. */
export interface SettledServer {
  consumer(): Consumer | undefined;
  /** Ends the consumer of a stream before the failed message. */
  stop(cause: unknown): void;
  /** One more message cannot leave its queue, and is held unsettled. */
  onHeld(): void;
}

/**
 * Creates the {@link Settler} of a server's queue. Failed events are retried and parked like messages of any consumer.
 */
export function serverSettler(
  source: ConnectionSource,
  { name, exclusive }: ServerQueue,
  options: AmqpTransportOptions,
  server: SettledServer,
  report: (failure: ConsumerFailure) => void,
): Settler {
  const { clock, random } = source.environment;
  const policy = new RetryPolicy('AmqpServer', retryOf(options), placeOf(options, exclusive), random);
  const consumer = {
    name: 'AmqpServer',
    queue: name,
    ack: options.ack ?? 'auto',
    timeout: handlerTimeout(options),
    redeliver: (delivery: Delivery) => {
      const running = server.consumer();
      if (!running || running.ended) return false;
      running.deliver(delivery);
      return true;
    },
    stop: (cause: unknown) => server.stop(cause),
    onHeld: () => server.onHeld(),
  };
  const connection = { connections: source, options: { topology: source.topology } };
  return new Settler(
    consumer,
    policy,
    new BrokerDetour(
      connection,
      { name: 'AmqpServer', queue: name, queueArguments: options.queueOptions?.arguments },
      policy,
    ),
    report,
    clock,
  );
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

function placeOf({ queueOptions }: AmqpTransportOptions, exclusive: boolean): RetryPlace {
  if (queueOptions?.arguments?.['x-queue-type'] === 'stream') return 'stream';
  return exclusive ? 'process' : 'broker';
}
