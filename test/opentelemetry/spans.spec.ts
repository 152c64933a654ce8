import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import type { Delivery } from 'nest-amqp/client';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';
import { errorOf, useClientHarness } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { idOf, linksOf, parentOf, traceOf, useTracing } from './support/tracing.js';

describe('spans of the client', () => {
  const harness = useClientHarness();
  const tracing = useTracing();
  afterEach(() => tracing.instrumentation.enable());

  async function queue(args: object = {}) {
    const connection = await harness.connect({ connectionName: 'billing' });
    const channel = await connection.openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true, arguments: { ...args } });
    return { channel, name, fetch: async (): Promise<Delivery> => (await channel.basicGet(name, { noAck: true }))! };
  }

  it('is an Instrumentation, whose tracer provider may come later', () => {
    const instrumentation: Instrumentation = new AmqpInstrumentation({ enabled: false });
    expect(instrumentation).toMatchObject({ instrumentationName: 'nest-amqp', instrumentationVersion: '0.1.0' });
    expect(instrumentation.getConfig()).toEqual({ enabled: false });
    instrumentation.setTracerProvider(tracing.provider);
    instrumentation.enable();
    instrumentation.enable();
    instrumentation.disable();
    instrumentation.disable();
  });

  it('adds no header once it is disabled, and makes no span', async () => {
    const { channel, name, fetch } = await queue();
    tracing.instrumentation.disable();
    await channel.publish('', name, 'plain', { messageId: 'm' });
    expect((await fetch()).properties).toEqual({ messageId: 'm' });
    expect(tracing.spans).toEqual([]);
    tracing.instrumentation.enable();
    await channel.publish('', name, 'traced', { messageId: 'm' });
    expect(Object.keys((await fetch()).properties.headers!)).toEqual(['traceparent']);
  });

  it('ends with an error for a return and a nack', async () => {
    const { channel, name } = await queue({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await channel.publish('', name, 'one');
    await errorOf(channel.publish('', name, 'two'));
    await errorOf(channel.publish('', `${name}.nowhere`, 'three', { mandatory: true }));
    const ends = tracing.spans.map(({ attributes, status }) => [attributes['error.type'], status.code]);
    expect(ends).toEqual([
      [undefined, SpanStatusCode.UNSET],
      ['PublishNackedError', SpanStatusCode.ERROR],
      ['MessageReturnedError', SpanStatusCode.ERROR],
    ]);
    expect(tracing.spans[0]!.attributes).toMatchObject({ 'messaging.client.id': 'billing' });
  });

  it('ends with an error without a confirm in time, and when the connection is lost before it', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.expect('confirm.select');
      peer.send(channel, 'confirm.selectOk', {});
    });
    const connection = await harness.connect({ urls: server.url, reconnect: false, logger: { warn: () => {} } });
    const channel = await connection.openChannel({ confirm: true });
    await errorOf(channel.publish('orders', 'late', 'x', { timeout: 1 }));
    const lost = errorOf(channel.publish('orders', 'created', 'x'));
    server.peers[0]!.socket.destroy();
    await lost;
    const [late, publish] = tracing.named('publish orders');
    expect(late!.attributes['error.type']).toBe('PublishTimeoutError');
    expect(publish!.attributes).toMatchObject({
      'error.type': 'ConnectionLostError',
      'messaging.destination.name': 'orders:created',
    });
  });

  it('keeps the context that a message has already, and links to it', async () => {
    const { channel, name, fetch } = await queue();
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    await channel.publish('', name, 'from an outbox', { headers });
    expect((await fetch()).properties.headers).toEqual(headers);
    const [publish] = tracing.spans;
    expect(publish!.kind).toBe(SpanKind.CLIENT);
    expect(linksOf(publish!)[0]!.to).toBe('b7ad6b7169203331');
  });

  it('carries baggage, and makes a handler’s spans children of its own', async () => {
    const { channel, name } = await queue();
    const seen = new Inbox<{ readonly tenant: string | undefined; readonly span: string | undefined }>();
    await channel.basicConsume(name, async (delivery) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.add({
        tenant: propagation.getActiveBaggage()?.getEntry('tenant')?.value,
        span: trace.getActiveSpan()?.spanContext().spanId,
      });
      delivery.ack();
    });
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      tracing.within('work', () => channel.publish('', name, 'x')),
    );
    const process = await tracing.span(`process ${name}`);
    expect(await seen.next()).toEqual({ tenant: 'acme', span: idOf(process) });
    const [publish] = tracing.named(`publish ${name}`);
    expect([parentOf(process), parentOf(publish!)]).toEqual([idOf(publish!), idOf(tracing.named('work')[0]!)]);
    expect(traceOf(process)).toBe(traceOf(publish!));
  });

  it('ends a handler’s span with what it threw, or with the refusal of its message', async () => {
    const { channel, name } = await queue();
    channel.on('handlerError', () => {});
    await channel.basicConsume(name, async (delivery) => {
      if (delivery.text() === 'throw') {
        delivery.ack();
        throw new TypeError('no funds');
      }
      delivery.reject();
    });
    await channel.publish('', name, 'throw');
    await channel.publish('', name, 'reject');
    const [thrown, rejected] = [await tracing.span(`process ${name}`, 0), await tracing.span(`process ${name}`, 1)];
    expect([thrown, rejected].map(({ attributes }) => attributes['error.type'])).toEqual(['TypeError', 'reject']);
    expect(thrown.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no funds' });
    expect(thrown.events.map((event) => event.name)).toEqual(['exception']);
  });
});
