import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, type ClientProxy } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { filter, firstValueFrom, lastValueFrom } from 'rxjs';
import { AmqpRecordBuilder, AmqpRpcContext, AmqpServer } from 'nest-amqp/microservices';
import { ConnectionLostError, MessageReturnedError, PublishNackedError } from 'nest-amqp/client';
import { errorOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

/** The part of a message of Nest's outbox that its consumers get, see https://docs.nestjs.com/reliability/outbox. */
interface Envelope {
  readonly id: string;
  readonly topic: string;
  readonly key: string | null;
  readonly payload: unknown;
}

const envelope = (): Envelope => ({ id: randomUUID(), topic: 'order.placed', key: '1', payload: { id: '1' } });

/** Publishes as the relay of Nest's outbox does with the `toPacket` of docs/outbox.md: resolved means published. */
async function relay(client: ClientProxy, message: Envelope): Promise<void> {
  const data = new AmqpRecordBuilder(message).setOptions({ messageId: message.id }).build();
  await lastValueFrom(client.emit(message.topic, data), { defaultValue: undefined });
}

describe("A relay of Nest's outbox", () => {
  it('has published a message when the service can get it, with the id of the outbox', async () => {
    const queue = harness.name();
    const inbox = new Inbox<{ data: unknown; messageId: string | undefined }>();

    @Controller()
    class Service {
      @EventPattern<string>('order.placed')
      on(@Payload() data: unknown, @Ctx() { properties }: AmqpRpcContext): void {
        inbox.add({ data, messageId: properties.messageId });
      }
    }
    const client = harness.client({ queue, noAssert: true });
    const message = envelope();
    await harness.channel.queueDeclare(queue);
    await relay(client, message);
    // It is in the queue, not on the way to it.
    expect((await harness.channel.queueDeclare(queue, { passive: true })).messageCount).toBe(1);
    await harness.serve([Service], new AmqpServer({ urls: harness.url, queue, noAssert: true }));
    expect(await inbox.next()).toEqual({ data: message, messageId: message.id });
  });

  it('keeps a message that no queue gets', async () => {
    const client = harness.client({ queue: harness.name(), noAssert: true });
    expect(await errorOf(relay(client, envelope()))).toBeInstanceOf(MessageReturnedError);
  });

  it('keeps a message that the broker refuses', async () => {
    const queue = harness.name();
    const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish' };
    await harness.channel.queueDeclare(queue, { arguments: full });
    expect(await errorOf(relay(harness.client({ queue, noAssert: true }), envelope()))).toBeInstanceOf(
      PublishNackedError,
    );
  });

  it('keeps a message while the broker cannot be reached, and the client does not publish it later', async () => {
    const queue = harness.name();
    await harness.channel.queueDeclare(queue);
    const { proxy, url } = await harness.proxy();
    const client = harness.client({ urls: [url], queue, noAssert: true, publishTimeout: 200 });
    await client.connect();
    const lost = firstValueFrom(client.status.pipe(filter((status) => status === 'disconnected')));
    proxy.refuse();
    proxy.cut();
    await lost;
    const message = envelope();
    expect(await errorOf(relay(client, message))).toBeInstanceOf(ConnectionLostError);
    await proxy.accept();
    // The next attempt of the relay. There is one message, so the client has given up the first.
    const next = new AmqpRecordBuilder(message).setOptions({ messageId: message.id, timeout: '30s' }).build();
    await lastValueFrom(client.emit(message.topic, next), { defaultValue: undefined });
    expect((await harness.channel.queueDeclare(queue, { passive: true })).messageCount).toBe(1);
  });
});
