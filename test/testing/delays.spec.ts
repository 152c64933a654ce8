import 'reflect-metadata';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { filter, firstValueFrom, skip } from 'rxjs';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpModule,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  ParkingLot,
  Payload,
  topicExchange,
  TopologyError,
  type AmqpModuleOptions,
} from 'nest-amqp';
import { connect, type Channel } from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('delayed messages on the harness', () => {
  let app: INestApplicationContext;
  let harness: AmqpHarness;
  let publisher: ConfirmingPublisher;
  let got: unknown[];

  async function start(declare?: 'none'): Promise<void> {
    got = [];

    class Reminders {
      @AmqpConsumer('reminders')
      on(@Payload() payload: unknown): void {
        got.push(payload);
      }
    }

    const topology: AmqpModuleOptions['topology'] = {
      exchanges: [topicExchange('orders')],
      queues: [classicQueue('reminders')],
      bindings: [bindQueue('reminders', 'orders', 'order.#')],
      ...(declare && { declare, exchanges: [], queues: [], bindings: [] }),
    };

    @Module({
      imports: [AmqpModule.forRoot({ url: 'amqp://nobody:secret@127.0.0.1:1', topology }), AmqpTestingModule.forRoot()],
      providers: declare ? [] : [Reminders],
    })
    class AppModule {}

    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    module.useLogger(false);
    app = await module.init();
    harness = app.get(AmqpHarness, { strict: false });
    publisher = app.get(ConfirmingPublisher, { strict: false });
  }
  afterEach(() => app.close());

  it('arrive when the clock was moved, and not before', async () => {
    await start();
    const delays = { '1h': HOUR, '12.5h': 12.5 * HOUR, '1d': DAY, '100d': 100 * DAY, '366d': 366 * DAY };
    const texts = Object.keys(delays) as (keyof typeof delays)[];
    for (const delay of texts) await publisher.publish('orders', 'order.due', delay, { delay });
    let time = 0;
    for (const [index, delay] of Object.values(delays).entries()) {
      // The broker's clock also runs by itself.
      await harness.advance(delay - time - MINUTE);
      expect(got).toEqual(texts.slice(0, index));
      await harness.advance(MINUTE);
      expect(got).toEqual(texts.slice(0, index + 1));
      time = delay;
    }
  });

  it('arrive together, however many they are', async () => {
    await start();
    const all = Array.from({ length: 100 }, (_, index) => index);
    await Promise.all(all.map((index) => publisher.sendToQueue('reminders', index, { delay: '9999s' })));
    await harness.advance('9999s');
    expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(all);
  });

  it('are shown as they were published', async () => {
    await start();
    await publisher.publish('orders', 'order.due', 1, { delay: '1h', headers: { a: 1 } });
    await publisher.sendToQueue('reminders', 2, { delay: '2h' });
    await publisher.sendToQueue('reminders', 3);
    const shown = harness.published().map(({ exchange, routingKey, headers, payload, delay }) => ({ exchange, routingKey, headers, payload, delay })); // prettier-ignore
    expect(shown).toEqual([
      { exchange: 'orders', routingKey: 'order.due', headers: { a: 1 }, payload: 1, delay: HOUR },
      { exchange: '', routingKey: 'reminders', headers: {}, payload: 2, delay: 2 * HOUR },
      { exchange: '', routingKey: 'reminders', headers: {}, payload: 3, delay: 0 },
    ]);
  });

  it('are parked when no queue takes them, and were published once', async () => {
    await start();
    await publisher.publish('orders', 'nobody', 1, { delay: '1h' });
    await harness.advance('1h');
    const parked = await app.get(ParkingLot, { strict: false }).list('nest-amqp.delay');
    expect(parked.map(({ exchange, routingKey, payload }) => ({ exchange, routingKey, payload }))).toEqual([
      { exchange: 'orders', routingKey: 'nobody', payload: 1 },
    ]);
    expect(harness.published()).toMatchObject([{ exchange: 'orders', routingKey: 'nobody', delay: HOUR }]);
  });

  it('find their way when somebody has deleted a queue or an exchange of the staircase', async () => {
    await start();
    const send = async (payload: string): Promise<void> => {
      await publisher.sendToQueue('reminders', payload, { delay: '1s' });
      await harness.advance('1s');
    };
    await send('first');
    const { broker } = harness;
    const remove = async (work: (channel: Channel) => Promise<unknown>): Promise<void> => {
      const connection = await connect({ urls: broker.url });
      await connection.withScratchChannel(work);
      await connection.close();
    };
    await remove((channel) => channel.queueDelete('nest-amqp.delay.level-3'));
    await send('second');
    await remove((channel) => channel.exchangeDelete('nest-amqp.delay.level-3'));
    await send('third');
    expect(got).toEqual(['first', 'second', 'third']);
  });

  it('are published again to a broker that has lost everything', async () => {
    await start();
    await publisher.sendToQueue('reminders', 'first', { delay: '1s' });
    const back = firstValueFrom(
      publisher.state$.pipe(
        filter((state) => state === 'open'),
        skip(1),
      ),
    );
    harness.broker.restart({ keep: 'nothing' });
    await back;
    await publisher.sendToQueue('reminders', 'second', { delay: '1s' });
    await harness.advance('1s');
    expect(got).toEqual(['second']);
  });

  it('need their queues where nothing may be declared', async () => {
    await start('none');
    const failure = publisher.publish('amq.topic', 'k', 1, { delay: '1s' });
    await expect(failure).rejects.toThrow(TopologyError);
    await expect(failure).rejects.toThrow(/exchange 'nest-amqp\.delay\.level-0'/);
  });
});
