import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeliveryLimitError, quorumQueue, StaleDeliveryError, type AmqpContext } from 'nest-amqp';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { FailingConsumers } from './support/failing-consumer.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();
const failing = new FailingConsumers(nest);

describe("RabbitMQ's consumer_timeout", () => {
  let rabbit: RabbitMq;
  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local', config: { consumer_timeout: 1_000 } });
    // RabbitMQ checks the timeout at each tick of a channel.
    await rabbit.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 500).');
  });
  afterAll(() => rabbit?.stop());

  it('N2 2.1: is reported, aborts the signal, counts nothing as handled, and parks the message', async () => {
    const runs = new Inbox<AmqpContext>();
    const stale = new Inbox<Error>();
    const options = { url: rabbit.url, topology: { queues: [quorumQueue('billing', { deliveryLimit: 2 })] } };
    const { app, failures } = await failing.start('billing', { prefetch: 1 }, async (_, context) => {
      runs.add(context);
      const { signal } = context;
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
      stale.add(signal.reason as Error);
    }, options); // prettier-ignore
    await publisherOf(app).sendToQueue('billing', 1, { messageId: 'm-1' });
    expect(await failing.until(failures, 'requeue')).toMatchObject({
      cause: expect.any(StaleDeliveryError),
      reason: expect.stringContaining('delivery acknowledgement on channel'),
    });
    expect(await failing.until(failures, 'park')).toMatchObject({ cause: expect.any(DeliveryLimitError) });
    expect(runs.all).toHaveLength(2);
    expect(stale.all).toHaveLength(2);
    await failing.untilStatus(app, { handled: 1, failed: 1, stale: 2, inFlight: 0 });
    expect(await failing.parked(app, 'billing')).toMatchObject([{ messageId: 'm-1' }]);
    expect(nest.lines.with('was lost while')).toHaveLength(2);
  });
});
