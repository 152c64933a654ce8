import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { AmqpRecordBuilder, AmqpRpcContext, AmqpServer, type AmqpTransportOptions } from 'nest-amqp/microservices';
import { ConfigurationError, NotFoundError } from 'nest-amqp/client';
import { errorOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

interface Seen {
  readonly data: unknown;
  readonly context: AmqpRpcContext;
  readonly time: number;
}

async function serve(options: AmqpTransportOptions = {}) {
  const queue = harness.name();
  harness.name(`nest-amqp.delay.to.queue.${queue}`);
  const inbox = new Inbox<Seen>();

  @Controller()
  class Service {
    @EventPattern<string>('order.unpaid')
    on(@Payload() data: unknown, @Ctx() context: AmqpRpcContext): void {
      inbox.add({ data, context, time: Date.now() });
    }
  }
  const server = new AmqpServer({ urls: harness.url, queue, noAck: false, ...options });
  await harness.serve([Service], server);
  return { queue, inbox, client: harness.client({ queue, ...options }) };
}

describe('A delayed event', () => {
  it('arrives when it is due, as it was sent', async () => {
    const { queue, inbox, client } = await serve();
    const before = Date.now();
    const headers = { 'x-tenant': 'acme' };
    const later = new AmqpRecordBuilder({ id: 1 }).setOptions({ delay: '1s', headers, messageId: 'm' }).build();
    const then = new AmqpRecordBuilder({ id: 2 }).setOptions({ at: new Date(before + 500), priority: 2 }).build();
    await lastValueFrom(client.emit('order.unpaid', later), { defaultValue: undefined });
    await lastValueFrom(client.emit('order.unpaid', then), { defaultValue: undefined });
    const seen = await inbox.take(2);
    const first = seen.find(({ data }) => (data as { id: number }).id === 1)!;
    const second = seen.find(({ data }) => (data as { id: number }).id === 2)!;
    expect(first.time - before).toBeGreaterThanOrEqual(1_000);
    expect(second.time - before).toBeGreaterThanOrEqual(500);
    const { fields, properties } = first.context.getMessage();
    expect(fields).toMatchObject({ exchange: '', routingKey: queue });
    expect(properties).toMatchObject({ headers, messageId: 'm' });
    expect(Object.keys(properties.headers!)).toEqual(['x-tenant']);
    expect(second.context.getMessage().properties.priority).toBe(2);
  });

  it('goes to an exchange by its pattern', async () => {
    const exchange = harness.name();
    harness.name(`nest-amqp.delay.to.exchange.${exchange}`);
    const { inbox, client } = await serve({ exchange, wildcards: true });
    const record = new AmqpRecordBuilder('x').setOptions({ delay: 125 }).build();
    await lastValueFrom(client.emit('order.unpaid', record), { defaultValue: undefined });
    const { context } = await inbox.next();
    expect(context.getMessage().fields).toMatchObject({ exchange, routingKey: 'order.unpaid' });
  });

  it('is parked when no queue takes it', async () => {
    const exchange = harness.name();
    harness.name(`nest-amqp.delay.to.exchange.${exchange}`);
    const { client } = await serve({ exchange, wildcards: true });
    const record = new AmqpRecordBuilder('x').setOptions({ delay: 125, messageId: exchange }).build();
    await lastValueFrom(client.emit('nobody', record), { defaultValue: undefined });
    const line = await harness.lines.until("parked in 'nest-amqp.delay.parked'");
    expect(line).toContain(`The delayed message '${exchange}' is due, and no queue takes it`);
  });

  it('fails with wrong options, and where there is no queue', async () => {
    const { client } = await serve();
    const emit = (options: object, to = client) =>
      errorOf(lastValueFrom(to.emit('order.unpaid', new AmqpRecordBuilder('x').setOptions(options).build())));
    expect(await emit({ delay: -1 })).toBeInstanceOf(ConfigurationError);
    expect(await emit({ delay: '1s', at: new Date() })).toBeInstanceOf(ConfigurationError);
    expect(await emit({ delay: '1s', expiration: 5_000 })).toBeInstanceOf(ConfigurationError);
    const request = client.send('order.unpaid', new AmqpRecordBuilder('x').setOptions({ delay: '1s' }).build());
    expect(await errorOf(lastValueFrom(request))).toBeInstanceOf(ConfigurationError);
  });

  it('fails where nothing may be declared and its queue is missing', async () => {
    const queue = harness.name();
    const client = harness.client({ queue, noAssert: true });
    const record = new AmqpRecordBuilder('x').setOptions({ delay: '1s' }).build();
    expect(await errorOf(lastValueFrom(client.emit('x', record)))).toBeInstanceOf(NotFoundError);
  });
});
