import { describe, expect, it } from '@jest/globals';
import { fixed, quorumQueue } from 'nest-amqp';
import { eventually } from '../client/support/client-harness.js';
import { publisherOf } from '../nest/support/nest-harness.js';
import { useRetries } from '../nest/support/retries.js';
import { sum, useMetrics } from './support/metrics.js';

describe('metrics of the Nest layer', () => {
  const { nest, queueWith, consumerOf } = useRetries();
  const metrics = useMetrics();

  it('count attempts, retries and parked messages, and show the consumer', async () => {
    const queue = queueWith();
    const options = { retry: { attempts: 3, backoff: fixed(50) } };
    const billing = consumerOf(queue, options, () => Promise.reject(new TypeError('no funds')));
    const app = await nest.start({ providers: [billing] }, { topology: { queues: [quorumQueue(queue)] } });
    await publisherOf(app).sendToQueue(queue, { id: 1 });
    await eventually(async () => sum((await metrics.read()).get('nest_amqp.messages.parked')) === 1);

    const all = await metrics.read();
    const here = { 'messaging.destination.name': queue, 'nest_amqp.handler': 'Billing.onOrder' };
    const failed = { ...here, 'error.type': 'TypeError' };
    expect(sum(all.get('nest_amqp.messages.retried'), failed)).toBe(2);
    expect(sum(all.get('nest_amqp.messages.parked'), failed)).toBe(1);
    expect(sum(all.get('messaging.process.duration'), failed)).toBe(3);
    expect(sum(all.get('messaging.client.consumed.messages'), { 'messaging.destination.name': queue })).toBe(3);
    expect(sum(all.get('nest_amqp.consumer.state'), { ...here, 'nest_amqp.state': 'consuming' })).toBe(1);
    expect(sum(all.get('nest_amqp.consumer.state'), here)).toBe(1);
    expect(sum(all.get('nest_amqp.consumer.in_flight'), here)).toBe(0);
  });
});
