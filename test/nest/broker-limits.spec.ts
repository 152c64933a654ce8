import { describe, expect, it } from '@jest/globals';
import {
  DeliveryLimitError,
  MessageTooLargeError,
  quorumQueue,
  RequeueMessage,
  StaleDeliveryError,
  type AmqpContext,
} from 'nest-amqp';
import type { Delivery } from 'nest-amqp/client';
import { FailingConsumers } from './support/failing-consumer.js';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();
const failing = new FailingConsumers(nest);

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });

describe('a channel that is lost while messages are handled', () => {
  it('N2 2.1: is reported, aborts the signal, and a late success does not count', async () => {
    const queue = failing.queue();
    const { proxy, url } = await nest.proxy();
    const runs = new Inbox<AmqpContext>();
    const stale = new Inbox<unknown>();
    const options = { url, topology: { queues: [quorumQueue(queue)] } };
    const { app, failures } = await failing.start(queue, {}, async (_, context) => {
      runs.add(context);
      if (context.delivery.redelivered) return;
      await untilAborted(context.signal);
      stale.add(context.signal.reason);
    }, options); // prettier-ignore
    await nest.channel.publish('', queue, '1', { messageId: 'm-1' });
    await runs.next();
    proxy.cut();
    expect(await stale.next()).toBeInstanceOf(StaleDeliveryError);
    expect(await failures.next()).toMatchObject({ decision: 'requeue', messageId: 'm-1', cause: expect.any(StaleDeliveryError) }); // prettier-ignore
    expect(nest.lines.with('was lost while Billing.onOrder handled message')).toHaveLength(1);
    await runs.next();
    await failing.untilStatus(app, { handled: 1, failed: 0, stale: 1, inFlight: 0 });
  });

  it('N2 2.1: repeatedly: the message is parked before its delivery limit drops it', async () => {
    const queue = failing.queue();
    const { proxy, url } = await nest.proxy();
    const runs = new Inbox<AmqpContext>();
    const options = { url, topology: { queues: [quorumQueue(queue, { deliveryLimit: 3 })] } };
    const { app, failures } = await failing.start(queue, {}, async (_, context) => {
      runs.add(context);
      await untilAborted(context.signal);
    }, options); // prettier-ignore
    await nest.channel.publish('', queue, '1', { messageId: 'm-1' });
    for (let delivery = 1; delivery <= 3; delivery++) {
      await runs.next();
      proxy.cut();
    }
    expect(await failing.until(failures, 'park')).toMatchObject({ cause: expect.any(DeliveryLimitError) });
    expect(runs.all).toHaveLength(3);
    expect(await failing.parked(app, queue)).toMatchObject([{ messageId: 'm-1' }]);
  });
});

describe('RequeueMessage', () => {
  it('N2 2.2: parks the message before its last delivery', async () => {
    const queue = failing.queue();
    const options = { topology: { queues: [quorumQueue(queue, { deliveryLimit: 2 })] } };
    let runs = 0;
    const { app, failures } = await failing.start(queue, {}, () => {
      runs++;
      throw new RequeueMessage('not yet');
    }, options); // prettier-ignore
    await nest.channel.publish('', queue, '1', { messageId: 'm-1' });
    expect(await failing.until(failures, 'park')).toMatchObject({ reason: 'RequeueMessage: not yet' });
    expect(runs).toBe(2);
    expect(await failing.parked(app, queue)).toMatchObject([{ messageId: 'm-1' }]);
  });

  it('N2 2.2: with a manual requeue likewise, before the queue drops the message', async () => {
    const queue = failing.queue();
    const options = { topology: { queues: [quorumQueue(queue, { deliveryLimit: 2 })] } };
    let runs = 0;
    const { app, failures } = await failing.start(queue, { ack: 'manual' }, (_, context) => {
      runs++;
      context.nack();
    }, options); // prettier-ignore
    await nest.channel.publish('', queue, '1', { messageId: 'm-1' });
    expect(await failing.until(failures, 'park')).toMatchObject({ cause: expect.any(DeliveryLimitError) });
    expect(runs).toBe(2);
    expect(await failing.parked(app, queue)).toHaveLength(1);
  });
});

describe('a message over maxMessageSize', () => {
  const limits = { connection: { maxMessageSize: 1_000 } };

  it('N2 2.3: is parked without its body, reported and counted; the next one is handled', async () => {
    const queue = failing.queue();
    const good = new Inbox();
    const options = { ...limits, topology: { queues: [quorumQueue(queue)] } };
    const { app, failures } = await failing.start(queue, { prefetch: 1 }, (payload) => good.add(payload), options);
    const headers = { tenant: 'acme' };
    await nest.channel.publish('', queue, Buffer.alloc(2_000), { messageId: 'large', headers });
    await publisherOf(app).sendToQueue(queue, 'small');
    expect(await good.next()).toBe('small');
    expect(await failures.next()).toMatchObject({
      messageId: 'large',
      decision: 'park',
      cause: expect.any(MessageTooLargeError),
      reason: 'MessageTooLargeError: its body has 2000 bytes, and maxMessageSize is 1000',
    });
    await failing.untilStatus(app, { handled: 2, failed: 1, inFlight: 0 });
    const [parked] = await failing.parked(app, queue);
    expect(parked).toMatchObject({ messageId: 'large', headers, attempts: 1 });
    expect(parked!.body).toHaveLength(0);
    expect(await failing.lotOf(app).redrive(queue)).toEqual({ redriven: 0, kept: 0, failed: 1 });
  });

  it('N2 2.3: reaches the dead-letter exchange of its queue unchanged', async () => {
    const queue = failing.queue();
    const dead = nest.name('dead');
    const deadLetters = { deadLetterExchange: '', deadLetterRoutingKey: dead };
    const topology = { queues: [quorumQueue(queue, deadLetters), quorumQueue(dead)] };
    const { failures } = await failing.start(queue, {}, () => {}, { ...limits, topology });
    await nest.channel.publish('', queue, Buffer.alloc(2_000), { messageId: 'large' });
    await failures.next();
    const got = new Inbox<Delivery>();
    await nest.channel.basicConsume(dead, got.add, { noAck: true });
    expect((await got.next()).body).toHaveLength(2_000);
  });
});
