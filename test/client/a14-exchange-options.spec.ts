import { describe, expect, it } from '@jest/globals';
import { AccessRefusedError, NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('A14 internal and autoDelete on exchange.declare', () => {
  const harness = useClientHarness();

  it('A14 an internal exchange accepts messages from bindings, not publishes', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [outer, inner, queue] = [harness.name('x'), harness.name('x'), harness.name()];
    await channel.exchangeDeclare(outer, 'fanout');
    await channel.exchangeDeclare(inner, 'fanout', { internal: true });
    await channel.exchangeBind(inner, outer);
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, inner);
    const inbox = new Inbox<string>();
    await channel.basicConsume(queue, (delivery) => inbox.add(delivery.text()), { noAck: true });

    await channel.publish(outer, '', 'through');
    expect(await inbox.next()).toBe('through');

    const error = await errorOf(channel.publish(inner, '', 'straight'));
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error['method']).toBe('basic.publish');
    expect(error['replyText']).toMatch(/internal exchange/);
  });

  it('A14 an autoDelete exchange is deleted with its last binding', async () => {
    const channel = await (await harness.connect()).openChannel();
    const [exchange, queue] = [harness.name('x'), harness.name()];
    await channel.exchangeDeclare(exchange, 'direct', { autoDelete: true });
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, exchange, 'a');
    await channel.exchangeDeclare(exchange, 'direct', { passive: true });

    await channel.queueUnbind(queue, exchange, 'a');

    expect(await errorOf(channel.exchangeDeclare(exchange, 'direct', { passive: true }))).toBeInstanceOf(NotFoundError);
  });

  it('A14 a repeated declaration compares both options', async () => {
    const channel = await (await harness.connect()).openChannel();
    const exchange = harness.name('x');
    await channel.exchangeDeclare(exchange, 'direct', { internal: true, autoDelete: true });
    await channel.exchangeDeclare(exchange, 'direct', { internal: true, autoDelete: true });

    const error = await errorOf(channel.exchangeDeclare(exchange, 'direct', { autoDelete: true }));
    expect(error).toBeInstanceOf(PreconditionFailedError);
    expect(error['replyText']).toMatch(/internal/);
    const other = await errorOf(channel.exchangeDeclare(exchange, 'direct', { internal: true }));
    expect(other['replyText']).toMatch(/auto_delete/);
  });
});
