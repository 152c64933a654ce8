import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Channel, Delivery } from 'nest-amqp/client';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';
import { errorOf, eventOf, useClientHarness } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { idOf, linksOf, parentOf, useTracing } from './support/tracing.js';

describe('spans of basicGet and of settlements', () => {
  const harness = useClientHarness();
  const tracing = useTracing();
  const settling = new AmqpInstrumentation({ enabled: false, settleSpans: true });
  afterEach(() => settling.disable());

  async function open(): Promise<{ readonly channel: Channel; readonly name: string }> {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true });
    return { channel, name };
  }

  /** Has every settlement traced, in place of the instrumentation of the other suites. */
  function traceSettlements(): void {
    settling.setTracerProvider(tracing.provider);
    tracing.instrumentation.disable();
    settling.enable();
  }
  afterEach(() => tracing.instrumentation.enable());

  it('basicGet is a receive span that links to the publish', async () => {
    const { channel, name } = await open();
    await channel.publish('', name, 'x', { messageId: 'm' });
    await tracing.within('work', () => channel.basicGet(name, { noAck: true }));
    await channel.basicGet(name, { noAck: true });
    await errorOf(channel.basicGet(`${name}.missing`));
    const [work] = tracing.named('work');
    const [publish] = tracing.named(`publish ${name}`);
    const [got, empty] = tracing.named(`get ${name}`);
    const [failed] = tracing.named(`get ${name}.missing`);
    expect(got!.kind).toBe(SpanKind.CLIENT);
    expect(parentOf(got!)).toBe(idOf(work!));
    expect(linksOf(got!).map(({ to }) => to)).toEqual([idOf(publish!)]);
    expect(got!.attributes).toMatchObject({
      'messaging.operation.name': 'get',
      'messaging.operation.type': 'receive',
      'messaging.destination.name': name,
      'messaging.message.id': 'm',
      'messaging.rabbitmq.message.delivery_tag': 1,
    });
    expect([empty!.links, empty!.status.code]).toEqual([[], SpanStatusCode.UNSET]);
    expect(failed!.attributes['error.type']).toBe('NotFoundError');
  });

  it('a settlement has no span unless the option asks for it', async () => {
    const { channel, name } = await open();
    await channel.publish('', name, 'x');
    (await channel.basicGet(name))!.ack();
    expect(tracing.spans.map((span) => span.name)).toEqual([`publish ${name}`, `get ${name}`]);
  });

  it('settleSpans: a misspelt option is refused', () => {
    const make = (): unknown => new AmqpInstrumentation({ settleSpan: true } as object);
    expect(make).toThrow(
      "AmqpInstrumentation: unknown option 'settleSpan'; did you mean 'settleSpans'? Known are: enabled, settleSpans",
    );
  });

  it('settleSpans: each ack, nack and reject is a span inside the handler’s', async () => {
    const { channel, name } = await open();
    traceSettlements();
    const over = new Inbox<string>();
    await channel.basicConsume(name, (delivery) => {
      if (delivery.text() === 'again' && !delivery.redelivered) delivery.nack();
      else if (delivery.text() === 'bad') delivery.reject();
      else delivery.ack();
      over.add(delivery.text());
    });
    await channel.publish('', name, 'again', { messageId: 'm' });
    await channel.publish('', name, 'bad');
    for (let n = 0; n < 3; n++) await over.next();
    const [publish] = tracing.named(`publish ${name}`);
    const ack = await tracing.span(`ack ${name}`);
    const [nack] = tracing.named(`nack ${name}`);
    const [reject] = tracing.named(`reject ${name}`);
    const processes = tracing.named(`process ${name}`).map(idOf);
    expect([ack, nack!, reject!].map((span) => span.kind)).toEqual(Array.from({ length: 3 }, () => SpanKind.CLIENT));
    expect(processes).toEqual(expect.arrayContaining([ack, nack!, reject!].map(parentOf)));
    expect(linksOf(ack)[0]!.to).toBe(idOf(publish!));
    expect(nack!.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'nack',
      'messaging.operation.type': 'settle',
      'messaging.destination.name': name,
      'messaging.message.id': 'm',
      'nest_amqp.requeue': true,
    });
    expect(reject!.attributes['nest_amqp.requeue']).toBe(false);
    expect(ack.attributes).not.toHaveProperty('nest_amqp.requeue');
  });

  it('settleSpans: a settlement after a loss of the channel, and a second one, are errors', async () => {
    const { channel, name } = await open();
    traceSettlements();
    const held = new Inbox<Delivery>();
    await channel.basicConsume(name, (delivery) => held.add(delivery));
    await channel.publish('', name, 'x');
    const delivery = await held.next();
    const back = eventOf(channel, 'restored');
    await errorOf(channel.queueDeclare(`${name}.missing`, { passive: true }));
    await back;
    delivery.ack();
    await errorOf((async () => delivery.ack())());
    const errors = tracing.named(`ack ${name}`).map(({ attributes }) => attributes['error.type']);
    expect(errors).toEqual(['StaleDeliveryError', 'AlreadySettledError']);
  });
});
