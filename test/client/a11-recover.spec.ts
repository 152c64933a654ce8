import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A11 basic.recover', () => {
  const harness = useClientHarness();

  it('A11 basicRecover awaits recover-ok and redelivers; the old tags are void', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    for (const text of ['a', 'b', 'c']) await channel.publish('', queue, text);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add);
    const first = await inbox.take(3);
    first[0]!.ack();
    await channel.basicRecover({ requeue: true });
    const second = await inbox.take(2);
    expect(second.map((delivery) => delivery.text()).sort()).toEqual(['b', 'c']);
    expect(second.every(({ redelivered }) => redelivered)).toBe(true);
    // If these acks were sent, the broker would close the channel with 406.
    for (const delivery of first.slice(1)) delivery.ack();
    for (const delivery of second) delivery.ack();
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
    expect(channel.isOpen).toBe(true);
  });

  it('A11 deliveries that were under way at the call are returned as well', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel();
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await publisher.queueDeclare(queue, { durable: false });
    const inbox = new Inbox<Delivery>();
    let lost = 0;
    channel.on('lost', () => lost++);
    // Acks first deliveries at once, also between basic.recover and its answer. Acks redeliveries later, since a `multiple`
    // ack of these would include the first deliveries.
    const again = new Inbox<Delivery>();
    await channel.basicConsume(queue, (delivery) => {
      inbox.add(delivery);
      if (delivery.redelivered) again.add(delivery);
      else delivery.ack();
    });
    proxy.stall('toClient');
    for (const text of ['a', 'b', 'c']) await publisher.publish('', queue, text);
    const recovered = channel.basicRecover();
    await publisher.queueDeclare(queue, { passive: true });
    proxy.resume();
    await recovered;
    // The first acks are sent before the answer to qos.
    await channel.basicQos(0);
    for (const delivery of await again.take(3)) delivery.ack();
    while ((await publisher.queueDeclare(queue, { passive: true })).messageCount > 0);
    await channel.basicQos(0);
    expect(lost).toBe(0);
    expect(new Set(inbox.all.map((delivery) => delivery.text()))).toEqual(new Set(['a', 'b', 'c']));
  });

  it('A11 a call that is aborted before it is sent leaves later deliveries to be settled', async () => {
    const connection = await harness.connect();
    const [channel, other] = [await connection.openChannel(), await connection.openChannel({ confirm: true })];
    const [queue, inbox] = [harness.name(), new Inbox<Delivery>()];
    await other.queueDeclare(queue, { exclusive: true });
    const signal = AbortSignal.abort(new Error('too late'));
    expect((await errorOf(channel.basicRecover({ signal }))).message).toBe('too late');
    await channel.basicConsume(queue, inbox.add);
    await other.publish('', queue, 'a');
    (await inbox.next()).ack();
    await channel.close();
    expect((await other.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
  });

  it('A11 basicRecoverAsync redelivers without an answer', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, 'a');
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add);
    const first = await inbox.next();
    await channel.basicRecoverAsync({ requeue: true });
    const second = await inbox.next();
    expect(second.text()).toBe('a');
    expect(second.redelivered).toBe(true);
    first.ack();
    second.ack();
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(0);
  });
});
