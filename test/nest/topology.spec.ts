import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpModule,
  bindExchange,
  bindQueue,
  classicQueue,
  directExchange,
  exchange,
  fanoutExchange,
  headersExchange,
  Payload,
  quorumQueue,
  streamQueue,
  topicExchange,
  TopologyError,
  TopologyMismatchError,
  type TopologyOptions,
} from 'nest-amqp';
import { NotFoundError, PreconditionFailedError, type Channel } from 'nest-amqp/client';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

describe('topology', () => {
  const nest = useNest();

  /** Declares everything that the builders know, then declares it once more by hand to check the result. */
  it('declares every kind of exchange, queue and binding, with all arguments of RabbitMQ', async () => {
    const [topic, direct, fanout, headers, plain, lost] = Array.from({ length: 6 }, () => nest.name()) as string[];
    const [classic, quorum, stream, exclusive] = Array.from({ length: 4 }, () => nest.name()) as string[];
    const topology: TopologyOptions = {
      exchanges: [
        topicExchange(topic!, { alternateExchange: lost! }),
        directExchange(direct!, { durable: false, autoDelete: true }),
        fanoutExchange(fanout!, { internal: true }),
        headersExchange(headers!),
        exchange(plain!, 'topic'),
        fanoutExchange(lost!),
      ],
      queues: [
        classicQueue(classic!, {
          deadLetterExchange: lost!,
          deadLetterRoutingKey: 'dead',
          messageTtl: 60_000,
          expires: 120_000,
          maxLength: 100,
          maxLengthBytes: 10_000,
          overflow: 'reject-publish-dlx',
          maxPriority: 5,
          singleActiveConsumer: true,
        }),
        quorumQueue(quorum!, {
          deadLetterExchange: lost!,
          deadLetterStrategy: 'at-least-once',
          overflow: 'reject-publish',
          deliveryLimit: 4,
          initialGroupSize: 1,
          leaderLocator: 'balanced',
        }),
        streamQueue(stream!, {
          maxAge: '7D',
          maxLengthBytes: 1_000_000,
          maxSegmentSize: 500_000,
          initialGroupSize: 1,
          leaderLocator: 'client-local',
        }),
        classicQueue(exclusive!, { exclusive: true }),
      ],
      bindings: [
        bindQueue(classic!, topic!, 'order.*'),
        bindQueue(quorum!, headers!, '', { arguments: { 'x-match': 'any', tenant: 'acme' } }),
        bindQueue(stream!, fanout!),
        bindQueue(classic!, fanout!),
        bindExchange(fanout!, direct!, 'copy'),
        bindQueue(quorum!, lost!),
      ],
    };
    const publisher = publisherOf(await nest.start({}, { topology }));
    // Each message arrives as its binding says, also through other exchanges and the alternate exchange.
    await publisher.publish(topic!, 'order.created', 1);
    await publisher.publish(direct!, 'copy', 2);
    await publisher.publish(headers!, '', 3, { headers: { tenant: 'acme' } });
    await publisher.publish(topic!, 'nobody.takes.this', 4);
    expect(await nest.ready(classic!)).toBe(2);
    expect(await nest.ready(quorum!)).toBe(2);
    const inStream = new Inbox<string>();
    const reader = await nest.connection.openChannel({ prefetch: 1 });
    const fromFirst = { arguments: { 'x-stream-offset': 'first' } };
    await reader.basicConsume(stream!, (delivery) => inStream.add(delivery.text()), fromFirst);
    expect(await inStream.next()).toBe('2');
    await reader.close();
    // A second declaration of the same topology is accepted.
    await nest.start({}, { topology: { ...topology, queues: topology.queues!.slice(0, 3) } });
    // The declarations are repeated by hand, since both applications might omit the same argument.
    const probe = await nest.connection.openChannel();
    const other = probe.queueDeclare(classic!, { arguments: { 'x-queue-type': 'classic' } });
    await expect(other).rejects.toThrow(PreconditionFailedError);
  });

  it.each<[string, (name: string) => TopologyOptions, (channel: Channel, name: string) => Promise<unknown>, object]>([
    [
      'an argument of a queue',
      (name) => ({ queues: [classicQueue(name, { messageTtl: 1_000 })] }),
      (channel, name) =>
        channel.queueDeclare(name, { arguments: { 'x-queue-type': 'classic', 'x-message-ttl': 2_000 } }),
      { argument: 'x-message-ttl', expected: '1000', actual: '2000' },
    ],
    [
      'an additional argument at the broker',
      (name) => ({ queues: [classicQueue(name)] }),
      (channel, name) => channel.queueDeclare(name, { arguments: { 'x-max-length': 7 } }),
      { argument: 'x-max-length', expected: 'none', actual: '7' },
    ],
    [
      'an argument that the broker does not have',
      (name) => ({ queues: [quorumQueue(name, { deadLetterExchange: 'failed' })] }),
      (channel, name) => channel.queueDeclare(name, { arguments: { 'x-queue-type': 'quorum' } }),
      { argument: 'x-dead-letter-exchange', expected: 'failed', actual: 'none' },
    ],
    [
      'the type of a queue',
      (name) => ({ queues: [quorumQueue(name)] }),
      (channel, name) => channel.queueDeclare(name, { arguments: { 'x-queue-type': 'classic' } }),
      { argument: 'x-queue-type', expected: 'quorum', actual: 'classic' },
    ],
    [
      'durability',
      (name) => ({ queues: [classicQueue(name, { durable: false })] }),
      (channel, name) => channel.queueDeclare(name),
      { argument: 'durable', expected: 'false', actual: 'true' },
    ],
    [
      'the type of an exchange',
      (name) => ({ exchanges: [topicExchange(name)] }),
      (channel, name) => channel.exchangeDeclare(name, 'fanout'),
      { argument: 'type', expected: 'topic', actual: 'fanout' },
    ],
    [
      'an argument of an exchange',
      (name) => ({ exchanges: [topicExchange(name, { alternateExchange: 'lost' })] }),
      (channel, name) => channel.exchangeDeclare(name, 'topic'),
      { argument: 'alternate-exchange', expected: 'lost', actual: 'none' },
    ],
  ])('reports a mismatch in %s, and deletes nothing', async (_, topology, declareOther, mismatch) => {
    const name = nest.name();
    await declareOther(nest.channel, name);
    const starting = nest.start({}, { topology: topology(name) });
    const error = await starting.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TopologyMismatchError);
    expect(error).toMatchObject({ entity: expect.stringContaining(`'${name}'`), ...mismatch });
    // The queue is unchanged: an equal declaration is not an error.
    await declareOther(nest.channel, name);
  });

  it('accepts a classic queue that another client has declared without a type', async () => {
    const name = nest.name();
    await nest.channel.queueDeclare(name);
    await nest.start({}, { topology: { queues: [classicQueue(name)] } });
    await nest.channel.queueDelete(name);
    await nest.start({}, { topology: { queues: [classicQueue(name)] } });
    await nest.channel.queueDeclare(name);
  });

  it('keeps the connection when a declaration is refused', async () => {
    const name = nest.name();
    await nest.channel.queueDeclare(name, { arguments: { 'x-max-length': 7 } });
    const failed = nest.start({}, { topology: { queues: [classicQueue(name)] } });
    await expect(failed).rejects.toThrow(TopologyError);
    // The application closed its connections in order, without a loss.
    expect(nest.lines.with('WARN')).toEqual([]);
    expect(nest.lines.with(': closed')).toHaveLength(2);
  });

  it('is declared again after a reconnect, exclusive queues and bindings included', async () => {
    const [name, source] = [nest.name(), nest.name()];
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(name)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    const { proxy, url } = await nest.proxy();
    const topology = {
      exchanges: [topicExchange(source)],
      queues: [classicQueue(name, { exclusive: true })],
      bindings: [bindQueue(name, source, '#')],
    };
    const app = await nest.start({ imports: [AmqpModule.forRoot({ url, topology })], providers: [Billing] });
    await publisherOf(app).publish(source, 'any', 'before');
    expect(await inbox.next()).toBe('before');
    proxy.refuse();
    proxy.cut();
    await nest.channel.exchangeDelete(source);
    await proxy.accept();
    await nest.lines.until('(consuming): reconnected');
    await publisherOf(app).publish(source, 'any', 'after');
    expect(await inbox.next()).toBe('after');
  });

  describe("declare: 'verify'", () => {
    it('creates nothing, and starts when all entities exist', async () => {
      const [name, source] = [nest.name(), nest.name()];
      await nest.channel.queueDeclare(name, { arguments: { 'x-max-length': 7 } });
      await nest.channel.exchangeDeclare(source, 'fanout');
      const topology: TopologyOptions = {
        declare: 'verify',
        exchanges: [fanoutExchange(source)],
        queues: [classicQueue(name)],
        bindings: [bindQueue(name, source)],
      };
      const publisher = publisherOf(await nest.start({}, { topology }));
      // AMQP cannot inspect bindings: this publish shows that the binding was not made.
      await expect(publisher.publish(source, '', 1)).rejects.toThrow('NO_ROUTE');
    });

    it.each<[string, (name: string) => TopologyOptions]>([
      ['queue', (name) => ({ queues: [quorumQueue(name)] })],
      ['exchange', (name) => ({ exchanges: [topicExchange(name)] })],
    ])('fails the start with the name of a missing %s, and does not create it', async (kind, topology) => {
      const name = nest.name();
      const starting = nest.start({}, { topology: { declare: 'verify', ...topology(name) } });
      const error = await starting.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TopologyError);
      expect(error).toMatchObject({ entity: `${kind} '${name}'`, cause: expect.any(NotFoundError) });
      expect((error as Error).message).toContain("declare: 'verify'");
      const probe = await nest.connection.openChannel();
      await expect(probe.queueDeclare(name, { passive: true })).rejects.toThrow(NotFoundError);
      await expect(probe.exchangeDeclare(name, 'topic', { passive: true })).rejects.toThrow(NotFoundError);
    });
  });

  it("declare: 'none' checks and creates nothing", async () => {
    const name = nest.name();
    await nest.start({}, { topology: { declare: 'none', queues: [classicQueue(name)] } });
    const probe = await nest.connection.openChannel();
    await expect(probe.queueDeclare(name, { passive: true })).rejects.toThrow(NotFoundError);
  });
});
