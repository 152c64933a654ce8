import { inspect } from 'node:util';
import { Injectable } from '@nestjs/common';
import { ClientsModule, type ClientProxy } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpHealthIndicator,
  AmqpModule,
  ConfirmingPublisher,
  ExchangePublisher,
  getPublisherToken,
  OnReturn,
  ParkingLot,
  quorumQueue,
  type AmqpBatchContext,
  type AmqpBatchItem,
  type AmqpContext,
  type ConsumerFailure,
} from 'nest-amqp';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { connect, MessageReturnedError, type ReturnedMessage } from 'nest-amqp/client';
import { FailingConsumers } from './support/failing-consumer.js';
import { useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();
const failing = new FailingConsumers(nest);

const SECRET = 'card 4111-1111';

/** Returns the output of `console.log` and similar functions at full depth. */
function shown(object: unknown): string {
  const seen = new Set<unknown>();
  const json = JSON.stringify(object, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    return value;
  });
  return `${inspect(object, { depth: Infinity, maxArrayLength: null })}\n${inspect(object)}\n${json}`;
}

describe('Objects of the public API', () => {
  it('show neither the password nor a payload in console.log, util.inspect and JSON.stringify', async () => {
    const queue = failing.queue();
    const batch = failing.queue();
    const contexts = new Inbox<unknown>();
    const returns = new Inbox<ReturnedMessage>();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: false })
      onOrder(_: unknown, context: AmqpContext): void {
        contexts.add(context);
        throw new Error('no');
      }

      @AmqpBatchConsumer(batch, { size: 1 })
      onBatch(items: AmqpBatchItem[], context: AmqpBatchContext): void {
        contexts.add(items[0]);
        contexts.add(context);
      }

      @OnReturn()
      onReturn(message: ReturnedMessage): void {
        returns.add(message);
      }
    }

    const url = new URL(nest.rabbit.url);
    const password = url.password || 'guest';
    const options = { url: url.href, topology: { queues: [quorumQueue(queue), quorumQueue(batch)] } };
    const transport = { urls: [url.href], queue };
    const app = await nest.start({
      imports: [
        AmqpModule.forRoot(options),
        AmqpModule.forFeature([{ publisher: 'orders', exchange: '' }]),
        ClientsModule.register([{ name: 'SERVICE', customClass: AmqpClientProxy, options: transport }]),
      ],
      providers: [Billing],
    });
    const get = <T>(token: unknown): T => app.get<T>(token as string, { strict: false });
    const failures = new Inbox<ConsumerFailure>();
    get<AmqpConsumerRegistry>(AmqpConsumerRegistry).failures$.subscribe(failures.add);
    const publisher = get<ConfirmingPublisher>(ConfirmingPublisher);
    await publisher.sendToQueue(queue, SECRET);
    await publisher.sendToQueue(batch, SECRET);
    const returned: unknown = await publisher.sendToQueue(`${queue}-none`, SECRET).catch((error: unknown) => error);
    expect(returned).toBeInstanceOf(MessageReturnedError);
    expect((returned as MessageReturnedError).returned.body.toString()).toBe(SECRET);
    await using connection = await connect(url.href);
    const channel = await connection.openChannel();
    const objects: Record<string, unknown> = {
      publisher,
      'publisher of an exchange': get<ExchangePublisher>(getPublisherToken('orders')),
      registry: get(AmqpConsumerRegistry),
      'parking lot': get(ParkingLot),
      health: get(AmqpHealthIndicator),
      server: new AmqpServer(transport),
      client: get<ClientProxy>('SERVICE'),
      'error of a returned message': returned,
      'returned message': await returns.next(),
      failure: await failures.next(),
      connection,
      channel,
      consumer: await channel.basicConsume(batch, () => {}),
      context: await contexts.next(),
      'item of a batch': await contexts.next(),
      batch: await contexts.next(),
    };
    const delivery = (objects['context'] as AmqpContext).delivery;
    expect(delivery.body.toString()).toBe(SECRET);
    objects['delivery'] = delivery;
    const bytes = Buffer.from(SECRET);
    const needles = [SECRET, bytes.toString('hex').match(/../g)!.join(' '), bytes.toJSON().data.join(','), `:${password}@`, `'${password}'`, `"${password}"`]; // prettier-ignore
    for (const [what, object] of Object.entries(objects)) {
      const text = shown(object);
      const found = needles.filter((needle) => text.includes(needle));
      expect([what, found]).toEqual([what, []]);
    }
    await (objects['client'] as ClientProxy).close();
  });
});
