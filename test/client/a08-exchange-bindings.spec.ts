import { describe, expect, it } from '@jest/globals';
import { MessageReturnedError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

describe('A8 exchange-to-exchange bindings', () => {
  const harness = useClientHarness();

  it('A8 a message is routed through two exchanges until they are unbound', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [source, destination, queue] = [harness.name('source'), harness.name('destination'), harness.name()];
    await channel.exchangeDeclare(source, 'topic', { durable: false });
    await channel.exchangeDeclare(destination, 'fanout', { durable: false });
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, destination);
    await channel.exchangeBind(destination, source, 'orders.*');

    await channel.publish(source, 'orders.new', 'through both', { mandatory: true });
    const delivery = (await channel.basicGet(queue, { noAck: true }))!;
    expect(delivery.text()).toBe('through both');
    expect(delivery.exchange).toBe(source);
    expect(await errorOf(channel.publish(source, 'other', 'x', { mandatory: true }))).toBeInstanceOf(
      MessageReturnedError,
    );

    await channel.exchangeUnbind(destination, source, 'orders.*');
    expect(await errorOf(channel.publish(source, 'orders.new', 'x', { mandatory: true }))).toBeInstanceOf(
      MessageReturnedError,
    );
  });

  it('A8 the arguments of a headers exchange are part of the binding', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const [source, destination, queue] = [harness.name('source'), harness.name('destination'), harness.name()];
    await channel.exchangeDeclare(source, 'headers', { durable: false });
    await channel.exchangeDeclare(destination, 'fanout', { durable: false });
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.queueBind(queue, destination);
    const red = { 'x-match': 'all', colour: 'red' };
    const blue = { 'x-match': 'all', colour: 'blue' };
    await channel.exchangeBind(destination, source, '', { arguments: red });
    await channel.exchangeBind(destination, source, '', { arguments: blue });
    await channel.exchangeUnbind(destination, source, '', { arguments: blue });
    const publish = (colour: string): Promise<number> =>
      channel.publish(source, '', colour, { mandatory: true, headers: { colour } });
    await publish('red');
    expect(await errorOf(publish('blue'))).toBeInstanceOf(MessageReturnedError);
  });
});
