import { metrics as api } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import { errorOf, eventOf, useClientHarness } from '../client/support/client-harness.js';
import { sum, useMetrics } from './support/metrics.js';

describe('metrics of the client', () => {
  const harness = useClientHarness();
  const metrics = useMetrics();

  it('count and time publishes by exchange and outcome, never by routing key', async () => {
    const connection = await harness.connect({ connectionName: 'billing' });
    const channel = await connection.openChannel({ confirm: true });
    const exchange = harness.name();
    await channel.exchangeDeclare(exchange, 'fanout', { autoDelete: true });
    for (let n = 0; n < 3; n++) await channel.publish(exchange, `order.${n}`, 'x');
    await errorOf(channel.publish(exchange, 'order.4', 'x', { mandatory: true }));
    await errorOf(channel.publish(exchange, 'order.5', 'x', { signal: AbortSignal.abort(new Error('no')) }));

    const all = await metrics.read();
    const to = { 'messaging.destination.name': exchange };
    const sent = all.get('messaging.client.sent.messages')!;
    expect(sum(sent, { ...to, 'error.type': undefined })).toBe(3);
    expect(sum(sent, { ...to, 'error.type': 'MessageReturnedError' })).toBe(1);
    expect(sum(all.get('messaging.client.operation.duration'), to)).toBe(5);
    expect(sum(all.get('nest_amqp.messages.returned'), to)).toBe(1);
    expect(JSON.stringify([...all.values()])).not.toContain('order.');
    expect(Object.keys(sent[0]!.attributes).sort()).toEqual([
      'messaging.destination.name',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.system',
      'server.address',
      'server.port',
    ]);
  });

  it('count and time basicGet(), and its messages', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true });
    await channel.publish('', name, 'x');
    for (let n = 0; n < 2; n++) await channel.basicGet(name, { noAck: true });
    await errorOf(channel.basicGet(`${name}.missing`));
    const all = await metrics.read();
    const get = { 'messaging.operation.name': 'get', 'messaging.operation.type': 'receive' };
    const from = { ...get, 'messaging.destination.name': name };
    expect(sum(all.get('messaging.client.consumed.messages'), get)).toBe(1);
    expect(sum(all.get('messaging.client.operation.duration'), from)).toBe(2);
    expect(sum(all.get('messaging.client.operation.duration'), { ...get, 'error.type': 'NotFoundError' })).toBe(1);
  });

  it('tell of a lost connection and its way back', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ connectionName: 'shaky' });
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
    const all = await metrics.read();
    const here = { 'messaging.client.id': 'shaky' };
    expect(sum(all.get('nest_amqp.connection.reconnects'), here)).toBe(1);
    expect(sum(all.get('nest_amqp.connection.restore.duration'), { ...here, 'nest_amqp.kind': 'connection' })).toBe(1);
    expect(sum(all.get('nest_amqp.connection.state'), { ...here, 'nest_amqp.state': 'open' })).toBe(1);
  });

  it('have one series for the queues that the broker has named, and for all connections of one name', async () => {
    const connection = await harness.connect({ connectionName: 'many' });
    const channel = await connection.openChannel();
    for (let n = 0; n < 20; n++) {
      const { queue } = await channel.queueDeclare('', { exclusive: true });
      await channel.basicConsume(queue, () => {});
    }
    const all = await metrics.read();
    const here = { 'messaging.destination.name': '(server-named)', 'nest_amqp.state': 'consuming' };
    const points = all
      .get('nest_amqp.consumer.state')!
      .filter(({ attributes }) => attributes['nest_amqp.state'] === 'consuming');
    expect(sum(points, here)).toBe(20);
    expect(JSON.stringify([...all.values()])).not.toContain('amq.gen-');
  });

  it('are not taken while the provider records nothing, and end with disable()', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    metrics.instrumentation.disable();
    await channel.publish('amq.fanout', '', 'x');
    metrics.instrumentation.setMeterProvider(api.getMeterProvider());
    metrics.instrumentation.enable();
    await channel.publish('amq.fanout', '', 'x');
    expect(sum((await metrics.read()).get('messaging.client.sent.messages'))).toBe(0);
  });
});
