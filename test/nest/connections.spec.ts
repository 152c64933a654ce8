import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, classicQueue, Payload } from 'nest-amqp';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

describe("The module's connections", () => {
  const connections = async (): Promise<string[]> =>
    (await nest.rabbit.ctl('list_connections', 'pid', 'client_properties')).split('\n');

  it('are two, and RabbitMQ shows their names', async () => {
    const name = nest.name();
    await nest.start({}, { connectionName: name });
    const shown = (await connections()).filter((line) => line.includes(name));
    expect(shown).toHaveLength(2);
    expect(shown.filter((line) => line.includes(`"${name} (publishing)"`))).toHaveLength(1);
    expect(shown.filter((line) => line.includes(`"${name} (consuming)"`))).toHaveLength(1);
  });

  it('restore consumers and topology when the broker has closed one', async () => {
    const queue = nest.name();
    const inbox = new Inbox();

    @Injectable()
    class Billing {
      @AmqpConsumer(queue)
      onOrder(@Payload() order: unknown): void {
        inbox.add(order);
      }
    }

    // The queue is exclusive: it is deleted with its connection, and only the consuming connection may consume from it.
    const queues = [classicQueue(queue, { exclusive: true })];
    const app = await nest.start({ providers: [Billing] }, { topology: { queues }, connectionName: queue });
    await publisherOf(app).sendToQueue(queue, 'before');
    expect(await inbox.next()).toBe('before');

    const consuming = (await connections()).find((line) => line.includes(`${queue} (consuming)`));
    const back = nest.lines.until(`${queue} (consuming): reconnected`);
    await nest.rabbit.ctl('close_connection', String(consuming?.split('\t')[0]), 'a test');
    await back;
    await publisherOf(app).sendToQueue(queue, 'after');
    expect(await inbox.next()).toBe('after');
    await nest.close(app);
  });
});
