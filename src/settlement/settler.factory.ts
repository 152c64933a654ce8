import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import type { FieldTable } from '../../lib/client/index.js';
import type { NamedConnection } from '../registry/named-connection.js';
import type { KnownTopology } from '../topology/known-topology.js';
import { BrokerDetour } from './retry/broker-detour.js';
import type { RetryOptions } from './retry/retry-options.js';
import { RetryPolicy, type RetryPlace } from './retry/retry-policy.js';
import type { ConsumerFailure } from './consumer-failure.js';
import { Settler, type SettledConsumer } from './settler.js';

/** The options of a consumer that determine its settlements. */
export interface SettlementOptions extends SettledConsumer {
  readonly retry: RetryOptions | false | undefined;
  /** Arguments of basic.consume. */
  readonly arguments: FieldTable | undefined;
}

/** Creates the {@link Settler} of each consumer, and collects their failures. */
@Injectable()
export class SettlerFactory implements OnApplicationShutdown {
  private readonly failures = new Subject<ConsumerFailure>();

  /** Emits every message that was not handled. Completes when the application shuts down. */
  readonly failures$: Observable<ConsumerFailure> = this.failures.asObservable();

  /** @throws ConfigurationError */
  create(named: NamedConnection, consumer: SettlementOptions): Settler {
    const { environment } = named;
    const { name, queue } = consumer;
    const policy = new RetryPolicy(
      name,
      consumer.retry,
      placeOf(named.connections.topology, consumer),
      environment.random,
    );
    const { connections } = named;
    const { topology } = connections;
    const queueArguments = topology.queue(queue)?.arguments;
    const detour = new BrokerDetour({ connections, topology }, { name, queue, queueArguments }, policy);
    return new Settler(consumer, policy, detour, (failure) => this.failures.next(failure), environment);
  }

  onApplicationShutdown(): void {
    this.failures.complete();
  }
}

/** Returns the place in which the messages of a consumer wait for their retries. */
export function placeOf(
  topology: Pick<KnownTopology, 'queue'>,
  consumer: Pick<SettlementOptions, 'queue' | 'arguments'>,
): RetryPlace {
  const declared = topology.queue(consumer.queue);
  if (declared?.arguments['x-queue-type'] === 'stream' || consumer.arguments?.['x-stream-offset'] !== undefined) {
    return 'stream';
  }
  return declared?.exclusive === true ? 'process' : 'broker';
}
