import { Injectable } from '@nestjs/common';
import { IsInt, IsString } from 'class-validator';
import { describe, expect, it } from '@jest/globals';
import { of, type Observable } from 'rxjs';
import {
  AmqpContext,
  AmqpModule,
  AmqpRequest,
  AmqpRpc,
  classicQueue,
  ConfigurationError,
  ContractError,
  Ctx,
  defineRpc,
  directExchange,
  getPublisherToken,
  Payload,
  RpcRemoteError,
  type ExchangePublisher,
  type RequestsOf,
} from 'nest-amqp';
import { z } from 'zod';
import { errorOf } from '../client/support/client-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

const nest = useNest();

class StockRequest {
  @IsString()
  item!: string;
}

class Stock {
  @IsInt()
  pieces!: number;
}

const Item = z.object({ item: z.string() });
const Price = z.object({ cents: z.number() });

/** The contract of an exchange of its own, and a queue for its requests. */
function place() {
  const [exchange, queue] = [nest.name('shop'), nest.name('quotes')];
  const contract = defineRpc(exchange, {
    'price.quote': { request: Item, reply: Price },
    'stock.count': { request: StockRequest, reply: Stock },
  });
  const topology = {
    exchanges: [directExchange(exchange)],
    queues: [classicQueue(queue), classicQueue(`${queue}.parked`)],
  };
  return { exchange, queue, contract, topology };
}

type Place = ReturnType<typeof place>;
type Caller = ExchangePublisher<RequestsOf<Place['contract']>>;

async function start({ contract, topology }: Place, provider: NonNullable<unknown>) {
  const app = await nest.start({
    imports: [
      AmqpModule.forRoot({ url: nest.rabbit.url, topology }),
      AmqpModule.forFeature([{ publisher: 'shop', exchange: contract }]),
    ],
    providers: [provider as never],
  });
  return { app, caller: app.get<Caller>(getPublisherToken('shop'), { strict: false }) };
}

/** Answers with what the test says, whatever the types are. */
function answering({ contract, queue, exchange }: Place, price: unknown, stock: unknown) {
  const asked: unknown[] = [];

  @Injectable()
  class Shop {
    @AmqpRequest(contract, 'price.quote', queue, { bind: exchange })
    quote(request: { item: string }, context: AmqpContext): Observable<{ cents: number }> {
      asked.push(request, context instanceof AmqpContext);
      return of({ cents: -1 }, price as { cents: number });
    }

    @AmqpRequest(contract, 'stock.count', queue)
    async count(@Payload() request: StockRequest, @Ctx() context: AmqpContext): Promise<Stock> {
      asked.push(request, context instanceof AmqpContext);
      return Promise.resolve(stock as Stock);
    }
  }
  return { Shop, asked };
}

describe('requests of a contract', () => {
  it('are validated on both sides, and so are their replies', async () => {
    const at = place();
    const { Shop, asked } = answering(at, { cents: 5, internal: 1 }, { pieces: 3, internal: 1 });
    const { caller, app } = await start(at, Shop);
    expect(await caller.request('price.quote', { item: 'Lamp' })).toEqual({ cents: 5 });
    const stock = await caller.request('stock.count', { item: 'Lamp' });
    expect(stock).toBeInstanceOf(Stock);
    expect(stock).toEqual({ pieces: 3 });
    expect(asked).toEqual([{ item: 'Lamp' }, true, { item: 'Lamp' }, true]);
    expect(asked[2]).toBeInstanceOf(StockRequest);
    const raw = await publisherOf(app).request(at.exchange, 'price.quote', { item: 'Lamp', more: 1 });
    expect(raw).toEqual({ cents: 5 });
  });

  it.each(['price.quote', 'stock.count'] as const)('send nothing of %s that does not match', async (key) => {
    const at = place();
    const { Shop, asked } = answering(at, { cents: 5 }, { pieces: 3 });
    const { caller } = await start(at, Shop);
    const error = await errorOf(caller.request(key, { item: 7 } as never));
    expect(error).toBeInstanceOf(ContractError);
    expect(error).toMatchObject({ part: 'request', event: key, issues: [{ path: 'item' }] });
    expect(asked).toEqual([]);
  });

  it.each(['price.quote', 'stock.count'])('answer a request of %s that does not match with the paths', async (key) => {
    const at = place();
    const { Shop, asked } = answering(at, { cents: 5 }, { pieces: 3 });
    const { app } = await start(at, Shop);
    const error = await errorOf(publisherOf(app).request(at.exchange, key, { item: 7 }));
    expect(error).toBeInstanceOf(RpcRemoteError);
    expect(error).toMatchObject({ remoteName: 'ContractError' });
    expect(String(error)).toContain(
      `request '${key}' of exchange '${at.exchange}' does not match its contract: item: `,
    );
    expect(asked).toEqual([]);
    expect(await nest.ready(`${at.queue}.parked`)).toBe(0);
  });

  it.each(['price.quote', 'stock.count'] as const)(
    'answer with an internal error instead of a wrong reply to %s',
    async (key) => {
      const at = place();
      const { Shop } = answering(at, { cents: 'secret' }, { pieces: 'secret' });
      const { caller } = await start(at, Shop);
      const error = await errorOf(caller.request(key, { item: 'Lamp' }));
      expect(error).toBeInstanceOf(RpcRemoteError);
      expect(String(error)).toContain('internal error');
      const [line] = nest.lines.with('ContractError');
      expect(line).toMatch(new RegExp(`reply '${key}' of exchange '${at.exchange}' .+: (cents|pieces): `));
      expect(line).not.toContain('secret');
    },
  );

  it('reject with a ContractError if a service without the contract sends a wrong reply', async () => {
    const at = place();

    @Injectable()
    class Foreign {
      @AmqpRpc(at.queue, { routingKey: '#' })
      answer(): object {
        return { cents: 'five' };
      }
    }
    const { app, caller } = await start(at, Foreign);
    await nest.channel.queueBind(at.queue, at.exchange, 'price.quote');
    const error = await errorOf(caller.request('price.quote', { item: 'Lamp' }));
    expect(error).toBeInstanceOf(ContractError);
    expect(error).toMatchObject({ part: 'reply', event: 'price.quote', issues: [{ path: 'cents' }] });
    await nest.close(app);
  });

  it('refuse a key that the contract does not have', async () => {
    const at = place();
    const { Shop } = answering(at, {}, {});
    const { caller } = await start(at, Shop);
    const error = await errorOf(caller.request('price.ask' as never, { item: 'Lamp' } as never));
    expect(error).toBeInstanceOf(ContractError);
    expect(String(error)).toContain("it has the requests 'price.quote', 'stock.count'");
  });
});

describe('defineRpc() refuses', () => {
  const loose = defineRpc as unknown as (...given: unknown[]) => unknown;

  it.each<[string, unknown[], string]>([
    ['an exchange that is no text', [undefined, {}], 'the name of the exchange must be a string'],
    ['a pattern', ['shop', { 'price.#': { request: Item, reply: Price } }], "'price.#' must be a routing key without"],
    ['a schema in place of two', ['shop', { a: 7 }], "'a' must be an object"],
    ['no reply', ['shop', { a: { request: Item } }], "the reply of 'a' must be a Standard Schema"],
    [
      'a misspelt part',
      ['shop', { a: { request: Item, replay: Price } }],
      "'a': unknown option 'replay'; did you mean 'reply'? Known are: request, reply",
    ],
    ['an unknown option', ['shop', {}, { unknown: 'keep' }], "unknown option 'unknown'"],
  ])('%s', (_, given, message) => {
    expect(() => loose(...given)).toThrow(ConfigurationError);
    expect(() => loose(...given)).toThrow(message);
  });

  it('nothing for the default exchange, whose keys are names of queues', () => {
    expect(defineRpc('', { quotes: { request: Item, reply: Price } }).requests).toEqual(['quotes']);
  });
});
