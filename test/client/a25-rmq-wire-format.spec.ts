import { describe, expect, it } from '@jest/globals';
import { useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import type { Delivery } from '../../lib/client/index.js';

/**
 * Sends and receives the wire format of Nest's Transport.RMQ with the core alone. The transport of this package has its own
 * tests against Nest's.
 */
describe("A25 the wire format of Nest's Transport.RMQ", () => {
  const harness = useClientHarness();

  it('A25 a request and its reply over direct reply-to, as ClientRMQ and ServerRMQ exchange them', async () => {
    const connection = await harness.connect();
    const [server, client] = [await connection.openChannel({ prefetch: 1 }), await connection.openChannel()];
    const queue = harness.name();
    await server.queueDeclare(queue, { exclusive: true });
    const requests: Delivery[] = [];
    await server.basicConsume(
      queue,
      async (delivery) => {
        requests.push(delivery);
        const { id, data } = delivery.json() as { id: string; data: number[] };
        const { replyTo, correlationId } = delivery.properties;
        const reply = { response: data.reduce((sum, n) => sum + n, 0), isDisposed: true, id };
        await server.publish('', replyTo!, JSON.stringify(reply), { correlationId });
      },
      { noAck: true },
    );
    const replies = new Inbox<Delivery>();
    await client.basicConsume('amq.rabbitmq.reply-to', replies.add, { noAck: true });

    const request = { pattern: { cmd: 'sum' }, data: [1, 2, 3], id: 'b3b6' };
    await client.publish('', queue, JSON.stringify(request), {
      replyTo: 'amq.rabbitmq.reply-to',
      correlationId: request.id,
      headers: { trace: '7' },
      deliveryMode: 2,
    });
    const reply = await replies.next();

    expect(reply.json()).toEqual({ response: 6, isDisposed: true, id: 'b3b6' });
    expect(reply.properties).toEqual({ correlationId: 'b3b6' });
    // The requests are as the user sent them; only the broker has filled in the reply address.
    expect(requests[0]!.json()).toEqual(request);
    expect(requests[0]!.properties).toEqual({
      replyTo: expect.stringMatching(/^amq\.rabbitmq\.reply-to\.\S+/),
      correlationId: 'b3b6',
      headers: { trace: '7' },
      deliveryMode: 2,
    });
  });

  it('A25 an event carries no reply address and no correlation id', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, JSON.stringify({ pattern: 'order.placed', data: { id: 1 } }), { headers: {} });
    const delivery = (await channel.basicGet(queue, { noAck: true }))!;
    expect(delivery.json()).toEqual({ pattern: 'order.placed', data: { id: 1 } });
    expect(delivery.properties).toEqual({ headers: {} });
  });
});
