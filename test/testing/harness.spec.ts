import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AmqpConsumerRegistry, AmqpModule, ConfirmingPublisher, ParkingLot } from 'nest-amqp';
import { AmqpHarness, AmqpTestingModule, HarnessPublishError, HarnessTimeoutError } from 'nest-amqp/testing';
import { Bank, BankIsDown, consumersOf, topologyOf } from './support/shop.js';

@Module({
  // No broker listens at this address.
  imports: [AmqpModule.forRoot({ url: 'amqp://nobody:secret@127.0.0.1:1', topology: topologyOf('') })],
  providers: consumersOf(''),
})
class ShopModule {}

describe('AmqpHarness', () => {
  let module: TestingModule;
  let harness: AmqpHarness;
  let bank: Bank;

  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [ShopModule, AmqpTestingModule.forRoot()] }).compile();
    module.useLogger(false);
    await module.init();
    harness = module.get(AmqpHarness);
    bank = module.get(Bank);
  });
  afterAll(() => module.close());
  afterEach(() => {
    harness.clear();
    bank.charged.length = 0;
  });

  describe('deliver', () => {
    it('acked: the handler has handled the message', async () => {
      expect(await harness.deliver('billing', { id: 1 })).toEqual({
        result: 'acked',
        queue: 'billing',
        messageId: expect.any(String),
        attempts: 1,
        delays: [],
        deliveries: 1,
        error: undefined,
        errors: [],
        consumer: undefined,
        movedTo: [],
      });
      expect(bank.charged).toEqual([1]);
    });

    it('acked after a retry, whose half minute of delay passes at once', async () => {
      const start = performance.now();
      const outcome = await harness.deliver('billing', { id: 2, fail: 'once' });
      expect(outcome).toMatchObject({
        result: 'acked',
        attempts: 2,
        delays: [30_000],
        deliveries: 2,
        error: undefined,
      });
      expect(outcome.errors).toEqual([expect.any(BankIsDown)]);
      expect(performance.now() - start).toBeLessThan(3_000);
    });

    it('parked, with the original error, when its attempts are used up', async () => {
      const outcome = await harness.deliver('billing', { id: 3, fail: 'always' }, { messageId: 'order-3' });
      expect(outcome).toMatchObject({
        result: 'parked',
        messageId: 'order-3',
        attempts: 3,
        delays: [30_000, 60_000],
        deliveries: 3,
        consumer: 'Billing.onOrder',
        movedTo: ['billing.parked'],
      });
      expect(outcome.error).toBeInstanceOf(BankIsDown);
      expect(outcome.errors).toHaveLength(3);
      expect(await module.get(ParkingLot).list('billing')).toMatchObject([{ messageId: 'order-3', attempts: 3 }]);
    });

    it('parked at once when a guard refuses it', async () => {
      const outcome = await harness.deliver('billing', { id: 4 }, { headers: { stranger: true } });
      expect(outcome).toMatchObject({ result: 'parked', attempts: 1, error: { message: 'we do not know you' } });
      expect(bank.charged).toEqual([]);
    });

    it('parked at once when a pipe refuses the message, or it is undecodable', async () => {
      expect(await harness.deliver('numbers', 'many')).toMatchObject({ result: 'parked', attempts: 1 });
      const malformed = Buffer.from('{');
      const outcome = await harness.deliver('billing', malformed, { contentType: 'application/json' });
      expect(outcome).toMatchObject({ result: 'parked', attempts: 1, error: { name: 'UndecodableMessageError' } });
    });

    it('dead-lettered, with the target queue', async () => {
      const outcome = await harness.deliver('strict', { id: 5, fail: 'reject' });
      expect(outcome).toMatchObject({
        result: 'dead-lettered',
        movedTo: ['undertaker'],
        error: { message: 'no such account' },
      });
    });

    it('rejected, without a dead-letter exchange', async () => {
      expect(await harness.deliver('billing', { id: 6, fail: 'reject' })).toMatchObject({
        result: 'rejected',
        movedTo: [],
      });
    });

    it('discarded: acknowledged although it failed', async () => {
      const outcome = await harness.deliver('careless', { id: 7, fail: 'always' });
      expect(outcome).toMatchObject({ result: 'discarded', attempts: 2, delays: [3_600_000] });
      expect(outcome.error).toBeInstanceOf(BankIsDown);
    });

    it('requeued and handled: one attempt, two deliveries', async () => {
      const outcome = await harness.deliver('billing', { id: 8, fail: 'requeue-once' });
      expect(outcome).toMatchObject({ result: 'acked', attempts: 1, deliveries: 2, errors: [] });
    });

    it('settled by the handler itself', async () => {
      expect(await harness.deliver('by-hand', { id: 9 })).toMatchObject({ result: 'acked' });
      expect(await harness.deliver('by-hand', { id: 9, fail: 'reject' })).toMatchObject({ result: 'rejected' });
    });

    it('answered: a request whose answer is the error', async () => {
      const outcome = await harness.deliver('prices', { id: 1, fail: 'always' }, { replyTo: 'undertaker' });
      expect(outcome).toMatchObject({ result: 'answered', error: { message: 'no price' } });
      expect(harness.published({ routingKey: 'undertaker' })).toHaveLength(1);
    });

    it('follows two messages with the same id and body separately', async () => {
      let retries = 0;
      const charge = jest.spyOn(bank, 'charge').mockImplementation((_, attempt) => {
        // One message succeeds at its second attempt; the other never does.
        if (attempt === 1 || ++retries > 1) throw new BankIsDown('the bank does not answer');
      });
      const twin = () => harness.deliver('billing', { id: 1 }, { messageId: 'twin' });
      const outcomes = await Promise.all([twin(), twin()]);
      charge.mockRestore();
      expect(outcomes.map(({ result, attempts }) => `${result} ${attempts}`).sort()).toEqual(['acked 2', 'parked 3']);
    });

    it('dropped, when it expires before any delivery', async () => {
      const consumers = module.get(AmqpConsumerRegistry);
      await consumers.pause({ queue: 'careless' });
      const outcome = harness.deliver('careless', { id: 10 }, { expiration: '60000' });
      await harness.advance('2m');
      expect(await outcome).toMatchObject({ result: 'dropped', attempts: 0, deliveries: 0 });
      await consumers.resume({ queue: 'careless' });
    });

    it('stops at the delay on request, and continues when the clock advances', async () => {
      const outcome = await harness.deliver('billing', { id: 11, fail: 'once' }, { delays: 'stop' });
      expect(outcome).toMatchObject({ result: 'waiting', delays: [30_000], movedTo: ['billing.retry.30000'] });
      expect(outcome.errors).toEqual([expect.any(BankIsDown)]);
      await harness.advance(29_000);
      expect(bank.charged).toEqual([]);
      await harness.advance('1s');
      expect(bank.charged).toEqual([11]);
    });

    it('refuses an unknown queue, and lists the existing ones', async () => {
      const delivering = harness.deliver('biling', {});
      await expect(delivering).rejects.toThrow(HarnessPublishError);
      await expect(delivering).rejects.toThrow(/no queue 'biling'.*'billing'/);
    });

    it('names the place of the message when it has no outcome in time', async () => {
      const unread = harness.deliver('undertaker', {}, { timeout: 20 });
      await expect(unread).rejects.toThrow(HarnessTimeoutError);
      await expect(unread).rejects.toThrow(/'undertaker' after 20 ms.*no consumer/);
    });
  });

  describe('published', () => {
    it('shows the messages of the application: neither those of the test, nor retries', async () => {
      await harness.deliver('billing', { id: 12, fail: 'once' });
      await harness.deliver('billing', { id: 13, fail: 'always' });
      expect(harness.published()).toEqual([
        expect.objectContaining({
          exchange: 'orders',
          routingKey: 'billed',
          payload: { id: 12, fail: 'once' },
          vhost: '/',
          queues: [],
          outcome: 'unroutable',
        }),
      ]);
    });

    it('matches by exchange, routing key, payload and headers', async () => {
      await harness.deliver('billing', { id: 14 });
      await harness.deliver('billing', { id: 15 });
      expect(harness.published({ exchange: 'orders', routingKey: /^bil/, payload: { id: 14 } })).toHaveLength(1);
      expect(harness.published({ headers: { order: 15 } })).toHaveLength(1);
      expect(harness.published({ payload: expect.objectContaining({ id: expect.any(Number) }) })).toHaveLength(2);
      expect(harness.published({ payload: ({ id }: { id: number }) => id > 14 })).toHaveLength(1);
      expect(harness.published({ exchange: 'others' })).toEqual([]);
      expect(() => harness.published({ routingkey: 'x' } as object)).toThrow("messages have no 'routingkey'");
      expect(() => harness.published({ outcome: 'lost' })).toThrow(
        "published: there is no outcome 'lost'; known are routed, unroutable, refused, nacked, returned",
      );
      expect(() => harness.published('h1' as never)).toThrow(
        "published: match is a string, 'h1'; give an object with exchange, routingKey, ",
      );
      await expect(harness.whenPublished({ outcome: 'lost' })).rejects.toThrow("no outcome 'lost'");
    });

    it('waits for a later message', async () => {
      const published = harness.whenPublished({ payload: { id: 16 } });
      harness.publish('orders', 'order.created', { id: 16 });
      expect(await published).toMatchObject({ exchange: 'orders', routingKey: 'billed', headers: { order: 16 } });
      // The message was published already.
      expect(await harness.whenPublished({ payload: { id: 16 } })).toMatchObject({ routingKey: 'billed' });
    });

    it('lists the published messages when none matches', async () => {
      await harness.deliver('billing', { id: 17 });
      const never = harness.whenPublished({ exchange: 'x' }, { timeout: 20 });
      await expect(never).rejects.toThrow(HarnessTimeoutError);
      await expect(never).rejects.toThrow("within 20 ms; what was: 'billed' to exchange 'orders'");
    });
  });

  describe('publish', () => {
    it('refuses a misspelt option, and puts nothing in', async () => {
      const options = { header: { tenant: 't1' } } as object;
      const text = "AmqpHarness: unknown option 'header'; did you mean 'headers'?";
      expect(() => harness.publish('orders', 'order.created', { id: 17 }, options)).toThrow(text);
      await expect(harness.deliver('billing', { id: 17 }, options)).rejects.toThrow(text);
      await harness.idle();
      expect(harness.published()).toEqual([]);
    });

    it('refuses options of the harness that do not exist, or make no sense, where they are written', async () => {
      const cases: [object, string][] = [
        [{ timout: 1 }, "AmqpHarness: unknown option 'timout'; did you mean 'timeout'?"],
        [{ timeout: 'soon' }, 'AmqpHarness: timeout must be milliseconds'],
        [{ vhosts: 'legacy' }, 'AmqpHarness: vhosts must be an object'],
      ];
      for (const [options, text] of cases) {
        await expect(AmqpHarness.start(options)).rejects.toThrow(text);
        expect(() => AmqpTestingModule.forRoot(options)).toThrow(text);
      }
      const wait = { timout: 1 } as object;
      const waits = {
        idle: () => harness.idle(wait),
        advance: () => harness.advance('1s', wait),
        whenPublished: () => harness.whenPublished({}, wait),
      };
      for (const [method, call] of Object.entries(waits)) {
        await expect(call()).rejects.toThrow(
          `AmqpHarness.${method}: unknown option 'timout'; did you mean 'timeout'? Known are: timeout`,
        );
      }
      const delays = harness.deliver('billing', { id: 17 }, { delays: 'halt' } as object);
      await expect(delays).rejects.toThrow(
        "AmqpHarness.deliver: delays must be 'skip' or 'stop'; it is a string, 'halt'",
      );
    });

    it('routes by the bindings, and returns the queues', async () => {
      expect(harness.publish('orders', 'order.created', { id: 18 })).toEqual(['billing']);
      await harness.idle();
      expect(bank.charged).toEqual([18]);
    });

    it('refuses an unroutable message', () => {
      expect(() => harness.publish('orders', 'other', {})).toThrow("no queue bound to 'orders' for 'other'");
      expect(() => harness.publish('nowhere', 'x', {})).toThrow(HarnessPublishError);
    });
  });

  describe('idle', () => {
    it('waits for publishes that are not awaited, and for all their effects', async () => {
      const publisher = module.get(ConfirmingPublisher);
      for (let id = 0; id < 50; id++) void publisher.publish('orders', 'order.created', { id });
      await harness.idle();
      expect(bank.charged).toHaveLength(50);
      expect(harness.published({ routingKey: 'billed' })).toHaveLength(50);
    });

    it('does not wait for delayed retries', async () => {
      harness.publish('orders', 'order.created', { id: 19, fail: 'once' });
      await harness.idle();
      expect(bank.charged).toEqual([]);
      await harness.advance('30s');
      expect(bank.charged).toEqual([19]);
    });

    it('lists the messages in flight when it takes too long', async () => {
      // The broker never confirms, so the handler keeps waiting.
      harness.broker.faults.stall();
      harness.publish('orders', 'order.created', { id: 20 });
      await expect(harness.idle({ timeout: 50 })).rejects.toThrow("'billing' has 0 ready and 1 unacknowledged");
      harness.broker.faults.resume();
      await harness.idle();
      expect(bank.charged).toEqual([20]);
    });
  });

  it('passes faults to the broker', async () => {
    harness.broker.faults.nackNext(1, { exchange: 'orders' });
    const publishing = module.get(ConfirmingPublisher).publish('orders', 'order.created', { id: 21 });
    await expect(publishing).rejects.toMatchObject({ name: 'PublishNackedError' });
    expect(harness.published({ outcome: 'nacked' })).toHaveLength(1);
  });

  it('survives a lost connection, as the application does', async () => {
    harness.broker.faults.drop('reset');
    expect(await harness.deliver('billing', { id: 22 })).toMatchObject({ result: 'acked' });
  });

  it('is cleared between tests', async () => {
    await harness.deliver('billing', { id: 23, fail: 'always' });
    harness.clear();
    expect(harness.published()).toEqual([]);
    expect(await module.get(ParkingLot).list('billing')).toEqual([]);
  });
});
