import {
  Injectable,
  UseGuards,
  ValidationPipe,
  type CanActivate,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { IsInt, IsString, ValidateNested } from 'class-validator';
import { Type as TypeOf } from 'class-transformer';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpContext,
  AmqpEvent,
  AmqpHeader,
  AmqpModule,
  bindQueue,
  classicQueue,
  ConfigurationError,
  ContractError,
  Ctx,
  defineEvents,
  getPublisherToken,
  InvalidConsumerError,
  ParkingLot,
  Payload,
  topicExchange,
  type ConsumerFailure,
  type EventsOf,
  type ExchangePublisher,
} from 'nest-amqp';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { errorOf } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

class Line {
  @IsString()
  item!: string;

  @IsInt()
  quantity!: number;
}

class OrderPaid {
  @IsString()
  id!: string;

  @ValidateNested({ each: true })
  @TypeOf(() => Line)
  lines!: Line[];
}

const OrderCreated = z.object({ id: z.string(), lines: z.array(z.object({ item: z.string(), quantity: z.number() })) });

const OrderShipped = v.object({
  id: v.string(),
  lines: v.array(v.object({ item: v.string(), quantity: v.number() })),
});
const OrderReturned = type({
  id: 'string',
  lines: type({ item: 'string', quantity: 'number', '+': 'delete' }).array(),
  '+': 'delete',
});

/** One event for each kind of validator: Zod, class-validator, Valibot, ArkType. */
const EVENTS = ['order.created', 'order.paid', 'order.shipped', 'order.returned'] as const;

const good = { id: 'o-1', lines: [{ item: 'Lamp', quantity: 1 }] };
const bad = { id: 'o-2', lines: [{ item: 'Lamp', quantity: 'many' }] };

/** The contract of an exchange of its own, with a queue that gets all of its events. */
function place(unknownFields: 'strip' | 'keep' = 'strip') {
  const [exchange, queue] = [nest.name('orders'), nest.name('billing')];
  nest.sweep(`${queue}.parked`);
  const schemas = {
    'order.created': OrderCreated,
    'order.paid': OrderPaid,
    'order.shipped': OrderShipped,
    'order.returned': OrderReturned,
    'order.moved': z.object({ at: z.string().transform((text) => new Date(text)) }),
  };
  const contract = defineEvents(exchange, schemas, { unknownFields: 'keep' });
  const topology = {
    exchanges: [topicExchange(exchange)],
    queues: [classicQueue(queue), classicQueue(`${queue}.parked`)],
    bindings: [bindQueue(queue, exchange, '#')],
  };
  const { 'order.moved': _, ...others } = schemas;
  const stripping = defineEvents(exchange, others);
  return { exchange, queue, topology, contract, stripping: unknownFields === 'strip' ? stripping : contract };
}

type Place = ReturnType<typeof place>;
type OrdersPublisher = ExchangePublisher<EventsOf<Place['contract']>>;

async function start({ topology, stripping: contract }: Place, ...providers: NonNullable<unknown>[]) {
  const app = await nest.start({
    imports: [
      AmqpModule.forRoot({ url: nest.rabbit.url, topology }),
      AmqpModule.forFeature([{ publisher: 'orders', exchange: contract }]),
    ],
    providers: providers as Type[],
  });
  const failures = new Inbox<ConsumerFailure>();
  app.get(AmqpConsumerRegistry, { strict: false }).failures$.subscribe(failures.add);
  return { app, failures, publisher: app.get<OrdersPublisher>(getPublisherToken('orders'), { strict: false }) };
}

interface Got {
  readonly by: string;
  readonly payload: unknown;
}

/** A class with one handler for each of the events. */
function consumerOf({ contract, stripping, queue }: Place, got: Inbox<Got>) {
  @Injectable()
  class Billing {
    @AmqpEvent(stripping as typeof contract, 'order.created', queue)
    onCreated(order: z.infer<typeof OrderCreated>, context: AmqpContext): void {
      got.add({ by: `created ${context.routingKey}`, payload: order });
    }

    @AmqpEvent(stripping as typeof contract, 'order.paid', queue)
    onPaid(@Payload() order: OrderPaid, @AmqpHeader('tenant') tenant: unknown): void {
      got.add({ by: `paid ${String(tenant)}`, payload: order });
    }

    @AmqpEvent(stripping as typeof contract, 'order.shipped', queue)
    onShipped(order: v.InferOutput<typeof OrderShipped>): void {
      got.add({ by: 'shipped', payload: order });
    }

    @AmqpEvent(stripping as typeof contract, 'order.returned', queue)
    onReturned(order: typeof OrderReturned.infer): void {
      got.add({ by: 'returned', payload: order });
    }
  }
  return Billing;
}

describe('a publisher with a contract', () => {
  it('sends what matches', async () => {
    const at = place();
    const { publisher } = await start(at);
    const receipt = await publisher.publish('order.created', good, { persistent: false });
    expect(receipt).toMatchObject({ exchange: at.exchange, routingKey: 'order.created' });
    expect((await nest.channel.basicGet(at.queue, { noAck: true }))!.json()).toEqual(good);
  });

  it.each(EVENTS)('sends nothing of %s that does not match', async (event) => {
    const at = place();
    const { publisher } = await start(at);
    const error = (await errorOf(publisher.publish(event, bad as never))) as ContractError;
    expect(error).toBeInstanceOf(ContractError);
    expect(error).toMatchObject({ exchange: at.exchange, event, issues: [{ path: 'lines.0.quantity' }] });
    expect(error.message).toMatch(
      new RegExp(
        `^event '${event}' of exchange '${at.exchange}' does not match its contract: lines\\.0\\.quantity: .+`,
      ),
    );
    expect(error.message).not.toContain('many');
    expect(await nest.ready(at.queue)).toBe(0);
  });

  it.each(EVENTS)('refuses payloads of %s that are no objects', async (event) => {
    const at = place();
    const { publisher } = await start(at);
    for (const payload of [undefined, null, 'text', 7, [good]]) {
      await expect(publisher.publish(event, payload as never)).rejects.toThrow(ContractError);
    }
    expect(await nest.ready(at.queue)).toBe(0);
  });

  it('refuses an event that the contract does not have', async () => {
    const at = place();
    const { publisher } = await start(at);
    const error = await errorOf(publisher.publish('order.deleted' as never, good as never));
    expect(error).toBeInstanceOf(ContractError);
    expect(String(error)).toContain("it has no 'order.deleted', but 'order.created', 'order.paid'");
    expect(await nest.ready(at.queue)).toBe(0);
  });

  it.each(EVENTS)('strips or keeps unknown fields of %s', async (event) => {
    for (const unknownFields of ['strip', 'keep'] as const) {
      const at = place(unknownFields);
      const { app, publisher } = await start(at);
      const more = { ...good, secret: 1, lines: [{ ...good.lines[0]!, secret: 2 }] };
      await publisher.publish(event, more);
      const sent = await nest.channel.basicGet(at.queue, { noAck: true });
      expect(sent!.json()).toEqual(unknownFields === 'strip' ? good : more);
      await nest.close(app);
    }
  });

  it('sends the input of a schema that changes types, and the handler gets its output', async () => {
    const at = place('keep');
    const got = new Inbox<unknown>();

    @Injectable()
    class Tracking {
      @AmqpEvent(at.contract, 'order.moved', at.queue)
      onMoved(moved: { at: Date }): void {
        got.add(moved);
      }
    }
    const { publisher } = await start(at, Tracking);
    const time = '2026-11-29T21:00:00.000Z';
    await publisher.publish('order.moved', { at: time });
    expect(await got.next()).toEqual({ at: new Date(time) });
  });
});

describe('handlers of events', () => {
  it('share the consumer of a queue, and get validated payloads', async () => {
    const at = place();
    const got = new Inbox<Got>();
    const { publisher, app } = await start(at, consumerOf(at, got));
    await publisher.publish('order.created', good);
    expect(await got.next()).toEqual({ by: 'created order.created', payload: good });
    await publisher.publish('order.paid', good, { headers: { tenant: 'eu' } });
    const { by, payload } = await got.next();
    expect(by).toBe('paid eu');
    expect(payload).toBeInstanceOf(OrderPaid);
    expect((payload as OrderPaid).lines[0]).toBeInstanceOf(Line);
    expect(app.get(AmqpConsumerRegistry, { strict: false }).list()).toHaveLength(1);
  });

  it.each(EVENTS)('park a message of %s that does not match, with the path', async (event) => {
    const at = place();
    const got = new Inbox<Got>();
    const { app, failures } = await start(at, consumerOf(at, got));
    await publisherOf(app).publish(at.exchange, event, bad);
    const failure = await failures.next();
    expect(failure).toMatchObject({ attempt: 1, decision: 'park', cause: { event, exchange: at.exchange } });
    expect(failure.cause).toBeInstanceOf(ContractError);
    const [parked] = await app.get(ParkingLot, { strict: false }).list(at.queue);
    expect(parked!.lastFailure!.message).toMatch(/^ContractError: event 'order.+lines\.0\.quantity: /);
    expect(got.all).toEqual([]);
  });

  it.each(EVENTS)('get %s with its unknown fields, or without', async (event) => {
    for (const unknownFields of ['strip', 'keep'] as const) {
      const at = place(unknownFields);
      const got = new Inbox<Got>();
      const { app } = await start(at, consumerOf(at, got));
      const more = { ...good, added: 1, lines: [{ ...good.lines[0]!, added: 2 }] };
      await publisherOf(app).publish(at.exchange, event, more);
      const { payload } = await got.next();
      expect(JSON.parse(JSON.stringify(payload))).toEqual(unknownFields === 'strip' ? good : more);
      await nest.close(app);
    }
  });

  it('may take several events: each payload is validated by its own key', async () => {
    const at = place();
    const got = new Inbox<unknown>();

    @Injectable()
    class Audit {
      @AmqpEvent(at.stripping, ['order.created', 'order.paid'], at.queue)
      onOrder(order: z.infer<typeof OrderCreated> | OrderPaid): void {
        got.add(order instanceof OrderPaid ? 'paid' : order.id);
      }
    }
    const { publisher, failures, app } = await start(at, Audit);
    await publisher.publish('order.paid', good);
    expect(await got.next()).toBe('paid');
    await publisher.publish('order.created', good);
    expect(await got.next()).toBe('o-1');
    await publisherOf(app).publish(at.exchange, 'order.paid', bad);
    expect((await failures.next()).cause).toMatchObject({ event: 'order.paid' });
  });

  it('are validated after guards, beside a global ValidationPipe, with options and bindings from a factory', async () => {
    const at = place();
    const got = new Inbox<unknown>();
    const asked: unknown[] = [];

    @Injectable()
    class Guard implements CanActivate {
      canActivate(): boolean {
        asked.push('guard');
        return true;
      }
    }

    @Injectable()
    class Billing {
      @AmqpEvent(at.stripping, 'order.created', at.queue, { useFactory: () => ({ prefetch: 3, bind: at.exchange }) })
      @UseGuards(Guard)
      onCreated(order: z.infer<typeof OrderCreated>, @Ctx() context: AmqpContext): void {
        got.add([order.id, context instanceof AmqpContext]);
      }
    }
    const pipe = { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, transform: true }) };
    const { app, publisher } = await start({ ...at, topology: { ...at.topology, bindings: [] } }, Billing, pipe);
    await publisher.publish('order.created', good);
    expect(await got.next()).toEqual(['o-1', true]);
    expect(asked).toEqual(['guard']);
    expect(statusOf(app)).toMatchObject([{ prefetch: 3 }]);
  });
});

function statusOf(app: INestApplicationContext): readonly object[] {
  return app.get(AmqpConsumerRegistry, { strict: false }).list();
}

describe('a contract refuses what cannot work', () => {
  const loose = defineEvents as unknown as (...given: unknown[]) => unknown;

  it.each<[string, unknown[], string]>([
    ['an exchange without a name', ['', {}], 'the name of the exchange must be a string that is not empty'],
    ['no events', ['orders', undefined], "the events of 'orders' must be an object"],
    ['a pattern', ['orders', { 'order.*': OrderCreated }], "'order.*' must be a routing key without wildcards"],
    ['a value that is no schema', ['orders', { a: 7 }], "'a' must be a Standard Schema"],
    ['a class that nothing validates', ['orders', { a: String }], 'it is the class String'],
    ['an unknown option', ['orders', {}, { unknownField: 'keep' }], "unknown option 'unknownField'"],
    ['a wrong option', ['orders', {}, { unknownFields: true }], "unknownFields must be 'strip' or 'keep'"],
  ])('%s', (_, given, message) => {
    expect(() => loose(...given)).toThrow(ConfigurationError);
    expect(() => loose(...given)).toThrow(message);
  });

  const orders = defineEvents('orders', { 'order.created': OrderCreated });

  it('a handler of an unknown event, and of none', () => {
    for (const event of ['order.deleted', []]) {
      const define = () => {
        class Billing {
          @AmqpEvent(orders, event as 'order.created', 'billing')
          onOrder(order: object): void {
            expect(order).toBeUndefined();
          }
        }
        return Billing;
      };
      expect(define).toThrow(InvalidConsumerError);
      expect(define).toThrow(/^Billing\.onOrder: .+ has 'order\.created'\.$/);
    }
  });

  it.each<[string, ParameterDecorator]>([
    ['a property of the payload', Payload('id')],
    ['a pipe', Payload(new ValidationPipe())],
    ['the context', Ctx()],
    ['a header', AmqpHeader('tenant')],
  ])('a first parameter that is %s', (_, decorate) => {
    const define = () => {
      class Billing {
        @AmqpEvent(orders, 'order.created', 'billing')
        onOrder(@decorate order: object): void {
          expect(order).toBeUndefined();
        }
      }
      return Billing;
    };
    expect(define).toThrow(InvalidConsumerError);
    expect(define).toThrow('Billing.onOrder: its first parameter is the payload');
  });

  it('two contracts for one method', () => {
    const define = () => {
      class Billing {
        @AmqpEvent(orders, 'order.created', 'billing')
        @AmqpEvent(orders, 'order.created', 'shipping')
        onOrder(order: object): void {
          expect(order).toBeUndefined();
        }
      }
      return Billing;
    };
    expect(define).toThrow('A method takes one contract; @AmqpEvent() can name several events.');
  });
});
