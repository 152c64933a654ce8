import { Injectable } from '@nestjs/common';
import { uniqueIds } from '../../common/unique-id.js';
import { count, PREFETCH } from '../../common/count.js';
import { ConnectionClosedError } from '../../../lib/client/index.js';
import { checkedTimeout } from '../../common/duration.js';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import { batchLimits } from '../options/batch-options.js';
import { BatchSink } from '../sinks/batch/batch.sink.js';
import { consumeArguments } from './consume-arguments.js';
import type { ConsumerPlan } from '../dispatch/consumer-plan.js';
import type { DeliverySink, SinkParts } from '../sinks/delivery.sink.js';
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
    private readonly settlers: SettlerFactory,
    private readonly positions: StreamPositions,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError */
  create(plan: ConsumerPlan): SupervisedConsumer {
    const { name, handlers, queue, options, connection, bindings } = plan;
    const position = this.positions.create(plan);
    const consume = consumeArguments(options, limitsOf(plan), position);
    const { topology, serverNames } = connection.connections;
    const open = async () => (await connection.connections.open()).consuming;
    const settler = this.settlers.create(connection, {
      name,
      handlerOf: 'sharing' in plan ? plan.sharing?.nameOf : undefined,
      queue,
      ack: ('ack' in options ? options.ack : undefined) ?? 'auto',
      retry: options.retry,
      arguments: consume.arguments(),
      timeout: timeoutOf(plan),
      redeliver: (delivery) => supervised.redeliver(delivery),
      stop: (cause) => void supervised.giveUp(cause),
      onHeldChange: () => supervised.onHeldChange(),
    });
    const { clock } = connection.environment;
    const sink = this.sinkOf(plan, { clock, settler, position });
    const host: SupervisionHost = {
      name,
      handlers,
      queue,
      environment: connection.environment,
      gracePeriod: connection.gracePeriod,
      connect: open,
      prepare: async () => {
        await settler.prepare();
        if (bindings.length > 0 && topology.declare === 'assert')
          await connection.connections.declareMore({ bindings });
      },
      queueName: () => serverNames.resolve(queue),
      restoreQueue: async () => restoreQueue(await open(), queue, topology, serverNames),
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

  private sinkOf(plan: ConsumerPlan, parts: SinkParts): DeliverySink {
    const { name, queue, connection } = plan;
    const { serializers } = connection;
    if (plan.kind === 'batch') {
      const { options, handler } = plan;
      const limits = batchLimits(name, options);
      return new BatchSink({ ...parts, queue, limits, itemPipes: options.itemPipes ?? [], serializers, handler });
    }
    const messageParts = { ...parts, serializers, handler: plan.handler };
    if (plan.kind === 'message') return new MessageSink(messageParts);
    const replies = new PublisherChannel(connection.connections, connection.publishing);
    const { sharing, options } = plan;
    return new RpcSink({
      ...messageParts,
      name,
      queue,
      replies,
      answers: sharing?.answers,
      errorsOf: (context) => (sharing ? sharing.errorsOf(context) : options.errors) ?? connection.rpcErrors,
      newErrorId: uniqueIds(connection.environment.random),
    });
  }
}

/** Ms. @throws ConfigurationError */
function timeoutOf({ name, options: { timeout } }: ConsumerPlan): number | undefined {
  if (timeout === undefined) return undefined;
  const ms = checkedTimeout(timeout, `${name}: timeout`);
  return ms === Infinity ? undefined : ms;
}

/** A batch consumer accepts all deliveries at once; its concurrency limits batches, not messages. */
function limitsOf(plan: ConsumerPlan) {
  if (plan.kind === 'batch') {
    return { prefetch: batchLimits(plan.name, plan.options).prefetch, concurrency: undefined };
  }
  const { prefetch = plan.connection.prefetch, concurrency = Infinity } = plan.options;
  return {
    prefetch: count(prefetch, `${plan.name}: prefetch`, PREFETCH),
    concurrency: count(concurrency, `${plan.name}: concurrency`, { min: 1 }),
  };
}
