import { describe, expect, it } from '@jest/globals';
import { type Delivery } from '../../lib/client/index.js';
import { useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('K6 6.1 content headers over the frame-max, from RabbitMQ', () => {
  const harness = useClientHarness();

  it('K6 6.1 a message with 130.8 KB of headers, to which x-death is added, is consumed; the connection stays', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const [queue, dead] = [harness.name(), harness.name('dead')];
    await channel.queueDeclare(dead);
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
    await channel.queueDeclare(queue, { arguments: args });
    let losses = 0;
    connection.on('disconnected', () => losses++);
    const inbox = new Inbox<Delivery>();
    const filler = 'x'.repeat(130_800);
    await channel.publish('', queue, 'body', { headers: { filler } });
    (await channel.basicGet(queue))!.reject();
    await channel.basicConsume(dead, (delivery) => (delivery.ack(), inbox.add(delivery)));

    const { headers } = (await inbox.next()).properties;
    expect(headers!['filler']).toBe(filler);
    expect(headers!['x-death']).toHaveLength(1);
    await channel.waitForConfirms();
    expect(losses).toBe(0);
  });

  it('K6 6.1 headers that a connection with a larger frame-max has published', async () => {
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    const narrow = await harness.connect({ frameMax: 8_192 });
    const channel = await narrow.openChannel();
    const queue = harness.name();
    await publisher.queueDeclare(queue);
    await publisher.publish('', queue, 'body', { headers: { filler: 'y'.repeat(125_000) } });

    const delivery = (await channel.basicGet(queue, { noAck: true }))!;
    expect(delivery.properties.headers!['filler']).toHaveLength(125_000);
    expect(narrow.state).toBe('open');
  });
});
