import { describe, expect, it } from '@jest/globals';
import type { Connection, Delivery } from '../../lib/client/index.js';
import { NotFoundError, PreconditionFailedError } from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B3 topology recovery', () => {
  const harness = useClientHarness();

  async function lose({ connection, proxy }: { connection: Connection; proxy: { cut(): void } }): Promise<void> {
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    await back;
  }

  it('B3 exchanges, queues and bindings that were lost with the connection are restored, with their consumers', async () => {
    const setup = await harness.connectThroughProxy();
    const channel = await setup.connection.openChannel({ confirm: true });
    const [outer, inner, queue] = [harness.name('x'), harness.name('x'), harness.name()];
    await channel.exchangeDeclare(outer, 'topic', { autoDelete: true, durable: false });
    await channel.exchangeDeclare(inner, 'headers', { autoDelete: true, durable: false });
    await channel.exchangeBind(inner, outer, 'a.#');
    await channel.queueDeclare(queue, { exclusive: true, arguments: { 'x-max-length': 10 } });
    await channel.queueBind(queue, inner, '', { arguments: { 'x-match': 'any', tenant: 7n } });
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true });

    await lose(setup);

    await channel.publish(outer, 'a.b', 'bound', { headers: { tenant: 7 }, mandatory: true });
    expect((await inbox.next()).text()).toBe('bound');
    // The declaration includes its arguments: an equal one is accepted, a different one is not.
    await channel.queueDeclare(queue, { exclusive: true, arguments: { 'x-max-length': 10 } });
    expect(await errorOf(channel.queueDeclare(queue, { exclusive: true }))).toBeInstanceOf(PreconditionFailedError);
  });

  it('B3 deleted entities and removed bindings are not restored', async () => {
    const setup = await harness.connectThroughProxy();
    const channel = await setup.connection.openChannel({ confirm: true });
    const [exchange, gone, queue, deleted] = [harness.name('x'), harness.name('x'), harness.name(), harness.name()];
    await channel.exchangeDeclare(exchange, 'direct');
    await channel.exchangeDeclare(gone, 'direct');
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueDeclare(deleted);
    await channel.queueBind(queue, exchange, 'kept');
    await channel.queueBind(queue, exchange, 'unbound');
    await channel.queueBind(queue, gone, 'x');
    await channel.queueUnbind(queue, exchange, 'unbound');
    await channel.queueDelete(deleted);
    await channel.exchangeDelete(gone);

    await lose(setup);

    await channel.publish(exchange, 'kept', '', { mandatory: true });
    expect((await errorOf(channel.publish(exchange, 'unbound', '', { mandatory: true }))).name).toBe(
      'MessageReturnedError',
    );
    expect(await errorOf(channel.queueDeclare(deleted, { passive: true }))).toBeInstanceOf(NotFoundError);
    expect(await errorOf(channel.exchangeDeclare(gone, 'direct', { passive: true }))).toBeInstanceOf(NotFoundError);
    expect(harness.warnings.filter((line) => /could not be restored/.test(line))).toEqual([]);
  });

  it('B3 the deadline and signal of a declaration do not apply to its recovery', async () => {
    const setup = await harness.connectThroughProxy();
    const channel = await setup.connection.openChannel({ confirm: true });
    const [exchange, queue] = [harness.name('x'), harness.name()];
    const spent = new AbortController();
    const own = { signal: spent.signal, timeout: 60_000 };
    await channel.exchangeDeclare(exchange, 'fanout', { durable: false, autoDelete: true, ...own });
    await channel.queueDeclare(queue, { exclusive: true, ...own });
    await channel.queueBind(queue, exchange, '', own);
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, { noAck: true, ...own });
    spent.abort(new Error('long ago'));
    await lose(setup);
    await channel.publish(exchange, '', 'back', { mandatory: true });
    expect((await inbox.next()).text()).toBe('back');
  });

  it('B3 an entity that cannot be declared again is reported, and the others are restored', async () => {
    const setup = await harness.connectThroughProxy();
    const other = await (await harness.connect()).openChannel();
    const channel = await setup.connection.openChannel({ confirm: true });
    const [changed, exchange, queue] = [harness.name(), harness.name('x'), harness.name()];
    await channel.queueDeclare(changed);
    await channel.exchangeDeclare(exchange, 'fanout', { durable: false, autoDelete: true });
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, exchange);
    await other.queueDelete(changed);
    await other.queueDeclare(changed, { arguments: { 'x-max-length': 1 } });

    const failed = eventOf<[string, unknown]>(setup.connection, 'restoreFailed');
    await lose(setup);

    const [entity, error] = await failed;
    expect(entity).toBe(`queue '${changed}'`);
    expect(error).toBeInstanceOf(PreconditionFailedError);
    await channel.publish(exchange, '', '', { mandatory: true });
  });

  it('B3 a loss during the recovery: the next connection restores everything', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queues = Array.from({ length: 20 }, () => harness.name());
    const inbox = new Inbox<Delivery>();
    for (const queue of queues) {
      await channel.queueDeclare(queue, { exclusive: true });
      await channel.basicConsume(queue, inbox.add, { noAck: true });
    }
    const back = eventOf(connection, 'reconnected');
    proxy.cut();
    for (const bytes of [900, 1_500, 2_500]) await proxy.cutAfterBytes(bytes, 'toServer');
    await back;
    await Promise.all(queues.map((queue) => channel.publish('', queue, queue, { mandatory: true })));
    const texts = (await inbox.take(queues.length)).map((delivery) => delivery.text());
    expect(texts.sort()).toEqual([...queues].sort());
  });
});
