import { Injectable } from '@nestjs/common';
import { count, PREFETCH } from '../../common/count.js';
import { ConfigurationError, ConnectionClosedError } from '../../../lib/client/index.js';
import { timeLimit } from '../../common/duration.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { batchLimits } from '../options/batch-options.js';
import { BatchSink } from '../sinks/batch/batch.sink.js';
import { consumeArguments } from './consume-arguments.js';
import type { DiscoveredConsumer } from '../discovery/consumer.explorer.js';
import type { DeliverySink, SinkParts } from '../sinks/delivery.sink.js';
import { HandlerFactory } from '../pipeline/handler.factory.js';
import { MessageSink } from '../sinks/message.sink.js';
import { restoreQueue } from './restore-queue.js';
import { RpcSink } from '../sinks/rpc.sink.js';
import { SettlerFactory } from '../../settlement/settler.factory.js';
import { StreamPositions } from './stream-positions.js';
import { SupervisedConsumer, type SupervisionHost } from './supervised-consumer.js';

/** Creates the parts of a consumer, by its kind. */
@Injectable()
export class ConsumerFactory {
  constructor(
    private readonly handlers: HandlerFactory,
    private readonly settlers: SettlerFactory,
    private readonly positions: StreamPositions,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError */
  create(discovered: DiscoveredConsumer, connection: NamedConnection): SupervisedConsumer {
    const { name, queue, options } = discovered;
    const position = this.positions.create(discovered, connection);
    const consume = consumeArguments(options, limitsOf(discovered, connection), position);
    const open = async () => (await connection.connections.open()).consuming;
    const settler = this.settlers.create(connection, {
      name,
      queue,
      ack: ('ack' in options ? options.ack : undefined) ?? 'auto',
      retry: options.retry,
      arguments: consume.arguments(),
      timeout: timeoutOf(discovered),
      redeliver: (delivery) => supervised.redeliver(delivery),
      stop: (cause) => void supervised.giveUp(cause),
      onHeld: () => supervised.onHeld(),
    });
    const { clock } = connection.environment;
    const sink = this.sinkOf(discovered, connection, { clock, settler, position });
    const host: SupervisionHost = {
      name,
      queue,
      environment: connection.environment,
      gracePeriod: connection.gracePeriod,
      connect: open,
      prepare: () => settler.prepare(),
      queueName: () => connection.connections.serverNames.resolve(queue),
      restoreQueue: async () =>
        restoreQueue(await open(), queue, connection.options.topology ?? {}, connection.connections.serverNames),
      isFinal: (error) => error instanceof ConnectionClosedError,
      onCancelled: ({ consumerTag, message }) => {
        connection.events.cancels.next({
          connection: connection.name,
          handler: name,
          queue,
          consumerTag,
          reason: message,
        });
      },
    };
    const supervised = new SupervisedConsumer(host, consume, sink);
    return supervised;
  }

  private sinkOf(discovered: DiscoveredConsumer, connection: NamedConnection, parts: SinkParts): DeliverySink {
    const { name, queue, host } = discovered;
    const { serializers } = connection;
    if (discovered.kind === 'batch') {
      const { options } = discovered;
      return new BatchSink({
        ...parts,
        queue,
        limits: batchLimits(name, options),
        itemPipes: options.itemPipes ?? [],
        serializers,
        handler: this.handlers.create(host),
      });
    }
    const messageParts = { ...parts, serializers, handler: this.handlers.create(host) };
    if (discovered.kind === 'message') return new MessageSink(messageParts);
    const replies = new PublisherChannel(connection.connections, connection.publishing);
    return new RpcSink({ ...messageParts, name, queue, replies });
  }
}

/** Ms. @throws ConfigurationError */
function timeoutOf({ name, options: { timeout } }: DiscoveredConsumer): number | undefined {
  if (timeout === undefined) return undefined;
  const ms = timeLimit(timeout, `${name}: timeout`);
  if (ms >= 1) return ms === Infinity ? undefined : ms;
  throw new ConfigurationError(`${name}: timeout must be at least 1 ms, not ${timeout}`);
}

/** A batch consumer accepts all deliveries at once; its concurrency limits batches, not messages. */
function limitsOf(discovered: DiscoveredConsumer, connection: NamedConnection) {
  if (discovered.kind === 'batch') {
    return { prefetch: batchLimits(discovered.name, discovered.options).prefetch, concurrency: undefined };
  }
  const { prefetch = connection.prefetch, concurrency = Infinity } = discovered.options;
  return {
    prefetch: count(prefetch, `${discovered.name}: prefetch`, PREFETCH),
    concurrency: count(concurrency, `${discovered.name}: concurrency`, { min: 1 }),
  };
}
