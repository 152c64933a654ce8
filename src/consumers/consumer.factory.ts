import { Injectable } from '@nestjs/common';
import type { NamedConnection } from '../module/named-connection.js';
import { consumeArguments } from './consume-arguments.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { HandlerFactory } from './handler.factory.js';
import { MessageRunner } from './message.runner.js';
import { MessageSink } from './message.sink.js';
import { restoreQueue } from './restore-queue.js';
import { Settlers } from './settlement/settlers.js';
import { SupervisedConsumer } from './supervised-consumer.js';

const DEFAULT_PREFETCH = 10;
/** In ms. */
const DEFAULT_GRACE_PERIOD = 10_000;

/** Makes what a consumer consists of, by its kind. */
@Injectable()
export class ConsumerFactory {
  constructor(
    private readonly handlers: HandlerFactory,
    private readonly settlers: Settlers,
  ) {}

  /** @throws InvalidConsumerError */
  create(discovered: DiscoveredConsumer, connection: NamedConnection): SupervisedConsumer {
    const options = consumeArguments(discovered.options, connection.options.prefetch ?? DEFAULT_PREFETCH);
    const open = async () => (await connection.connections.open()).consuming;
    const settler = this.settlers.create(connection, {
      name: discovered.name,
      queue: discovered.queue,
      ack: discovered.options.ack ?? 'auto',
      retry: discovered.options.retry,
      arguments: options.arguments(),
      redeliver: (delivery) => supervised.redeliver(delivery),
      stop: (cause) => void supervised.giveUp(cause),
    });
    const handler = this.handlers.create(discovered.host);
    const sink = new MessageSink(new MessageRunner(connection.serializers, handler, settler), settler);
    const supervised = new SupervisedConsumer(discovered, options, sink, {
      gracePeriod: connection.options.gracePeriod ?? DEFAULT_GRACE_PERIOD,
      connect: open,
      prepare: () => settler.prepare(),
      restoreQueue: async (queue) => restoreQueue(await open(), queue, connection.options.topology),
      cancelled: ({ name, queue }, { consumerTag, message }) => {
        connection.events.cancels.next({
          connection: connection.name,
          handler: name,
          queue,
          consumerTag,
          reason: message,
        });
      },
    });
    return supervised;
  }
}
