import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Injectable, Module, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AmqpConsumerRegistry,
  AmqpEvent,
  AmqpModule,
  AmqpRequest,
  ContractError,
  defineEvents,
  defineRpc,
  getPublisherToken,
  type EventContract,
  type ExchangePublisher,
  type RpcContract,
} from 'nest-amqp';
import { AmqpAsyncApi, asyncApiBreaks } from 'nest-amqp/asyncapi';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { z } from 'zod';
import { BillingModule } from '../../sample/09-contracts/src/billing/billing.module.js';
import { OrderCreated, orders, prices } from '../../sample/09-contracts/agreements/src/index.js';

type Caught = 'by the compiler' | 'at publish' | 'at consume' | 'by `--check`';

/** A way to break the contract of sample 09. */
interface Way {
  readonly way: string;
  readonly caught: Caught;
  /** Resolves if the break is caught there. */
  readonly proof: () => Promise<void>;
}

const folder = resolve('.build/twelve-breaks');
const UNBROKEN = 'unbroken.ts';
/** What the compiler says, by file. */
const complaints = new Map<string, string[]>();
/** Uses of the contract that the compiler sees, by file. */
const snippets = new Map<string, string>([[UNBROKEN, `publisher.publish('order.created', order);`]]);

/** Twelve ways, in the words of docs/asyncapi.md. */
const WAYS: readonly Way[] = [
  compiled('publishes an event that the contract does not have', `publisher.publish('order.paid', order);`),
  compiled('publishes the payload of another event', `publisher.publish('order.billed', order);`),
  compiled('handles an event that the contract does not have', `class A { @AmqpEvent(orders, 'order.paid', 'a') on(order: object) {} }`),
  compiled('the handler takes another type', `class A { @AmqpEvent(orders, 'order.billed', 'a') on(order: { cents: string }) {} }`),
  compiled('the handler takes no payload', `class A { @AmqpEvent(orders, 'order.billed', 'a') on() {} }`),
  compiled('the handler of a request returns another reply', `class A { @AmqpRequest(prices, 'price.quote', 'a') on(request: { item: string }) { return { euros: 1 }; } }`),
  { way: 'publishes a value that breaks a rule which types do not have', caught: 'at publish', proof: refusedAtPublish },
  { way: 'a service without the contract publishes a wrong payload', caught: 'at consume', proof: parkedAtConsume },
  checked('removes an event that others publish', { 'order.created': OrderCreated }, {}, 'publishers'),
  checked('requires more of what others publish', { 'order.created': OrderCreated }, { 'order.created': OrderCreated.extend({ tenant: z.string() }) }, 'publishers'),
  checked('stops to send a field that others require', { 'order.created': OrderCreated }, { 'order.created': OrderCreated.omit({ lines: true }) }, 'consumers'),
  { way: 'widens the reply to a request', caught: 'by `--check`', proof: widerReply },
]; // prettier-ignore

describe('twelve ways to break a contract', () => {
  beforeAll(async () => {
    process.env['AMQP_URL'] = 'amqp://localhost';
    await compileAll();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are those of the guide, caught where it says', async () => {
    const guide = await readFile('docs/asyncapi.md', 'utf8');
    const rows = [...guide.matchAll(/^\| (\d+) +\| (.+?) +\| (by the compiler|at publish|at consume|by `--check`)/gm)];
    expect(rows.map(([, number, way, caught]) => [Number(number), way, caught])).toEqual(
      WAYS.map(({ way, caught }, index) => [index + 1, way, caught]),
    );
    expect(WAYS).toHaveLength(12);
  });

  it('an unbroken use compiles', () => {
    expect(complaints.get(UNBROKEN) ?? []).toEqual([]);
  });

  it.each(WAYS)('$way: caught $caught', async ({ proof }) => proof());
});

function compiled(way: string, code: string): Way {
  const file = `way-${snippets.size}.ts`;
  snippets.set(file, code);
  return {
    way,
    caught: 'by the compiler',
    proof: async () => expect(complaints.get(file)?.length).toBeGreaterThan(0),
  };
}

/** Compiles all snippets at once, as an application that depends on the contract. */
async function compileAll(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const head = `
    import { AmqpEvent, AmqpRequest, type EventsOf, type ExchangePublisher } from 'nest-amqp';
    import { orders, prices, type OrderCreated } from 'sample-09-agreements';
    declare const publisher: ExchangePublisher<EventsOf<typeof orders>>;
    declare const order: OrderCreated;
    export const used = [AmqpEvent, AmqpRequest, publisher, order, orders, prices];
  `;
  for (const [file, code] of snippets) await writeFile(resolve(folder, file), `${head}${code}\n`);
  const root = {
    'nest-amqp': ['../../src/index.ts'],
    'sample-09-agreements': ['../../sample/09-contracts/agreements/src/index.ts'],
  };
  const config = { extends: '../../tsconfig.json', compilerOptions: { paths: root }, include: ['*.ts'] };
  await writeFile(resolve(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = promisify(execFile)(resolve('node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false']);
  const { stdout } = await tsc.catch((error: { stdout: string }) => error);
  for (const [, file, text] of stdout.matchAll(/([\w-]+\.ts)\(\d+,\d+\): (error .*)/g)) {
    complaints.set(file!, [...(complaints.get(file!) ?? []), text!]);
  }
}

/** Runs work with the billing service of the sample, on an embedded broker. */
async function withBilling(work: (app: TestingModule, harness: AmqpHarness) => Promise<void>): Promise<void> {
  const app = await Test.createTestingModule({ imports: [BillingModule, AmqpTestingModule.forRoot()] }).compile();
  app.useLogger(false);
  await app.init();
  try {
    await work(app, app.get(AmqpHarness));
  } finally {
    await app.close();
  }
}

async function refusedAtPublish(): Promise<void> {
  await withBilling(async (app, harness) => {
    const publisher = app.get<ExchangePublisher>(getPublisherToken('orders'), { strict: false });
    const publishing = publisher.publish('order.created', { id: 'o-1', lines: [{ item: 'lamp', quantity: 0 }] });
    await expect(publishing).rejects.toThrow(ContractError);
    await expect(publishing).rejects.toMatchObject({ event: 'order.created', issues: [{ path: 'lines.0.quantity' }] });
    expect(harness.published({ exchange: orders.exchange })).toEqual([]);
  });
}

async function parkedAtConsume(): Promise<void> {
  await withBilling(async (app, harness) => {
    const failure = firstValueFrom(app.get(AmqpConsumerRegistry, { strict: false }).failures$);
    harness.publish(orders.exchange, 'order.created', { id: 'o-1', lines: [] });
    const { decision, cause, attempt } = await failure;
    expect([decision, attempt, cause instanceof ContractError]).toEqual(['park', 1, true]);
  });
}

/** The document of an application that publishes and handles a contract. */
async function documentOf(contract: EventContract | RpcContract, handlers: readonly Type[]) {
  @Module({
    imports: [
      AmqpModule.forRoot('amqp://localhost'),
      AmqpModule.forFeature(contract.exchange === prices.exchange ? [] : [{ publisher: 'orders', exchange: contract }]),
    ],
    providers: [...handlers],
  })
  class AppModule {}
  const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const document = await AmqpAsyncApi.createDocument(app);
  await app.close();
  return document;
}

type Schemas = Readonly<Record<string, z.ZodType<object>>>;

function checked(way: string, before: Schemas, after: Schemas, breaks: 'publishers' | 'consumers'): Way {
  return {
    way,
    caught: 'by `--check`',
    proof: async () => {
      const [old, now] = await Promise.all([before, after].map((schemas) => bothSides(schemas)));
      const found = asyncApiBreaks(old!, now!).filter((one) => one.breaks === breaks);
      expect(found.map(({ event }) => event)).toContain('order.created');
    },
  };
}

async function bothSides(schemas: Schemas) {
  const contract: EventContract = defineEvents('sample-09.orders', schemas as Record<string, never>);

  @Injectable()
  class Handler {
    on(payload: object) {
      return payload;
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Handler.prototype, 'on') as TypedPropertyDescriptor<
    (payload: object) => object
  >;
  if (contract.events.length > 0)
    AmqpEvent(contract, [...contract.events], 'billing')(Handler.prototype, 'on', descriptor as never);
  return documentOf(contract, contract.events.length > 0 ? [Handler] : []);
}

async function widerReply(): Promise<void> {
  const answering = async (reply: z.ZodType<object>) => {
    const contract = defineRpc('sample-09.prices', {
      'price.quote': { request: z.object({ item: z.string() }), reply },
    });

    @Injectable()
    class Quotes {
      @AmqpRequest(contract, 'price.quote', 'quotes')
      quote(request: { item: string }): object {
        return request;
      }
    }
    return documentOf(contract, [Quotes]);
  };
  const [before, after] = [await answering(z.object({ cents: z.int() })), await answering(z.object({}))];
  expect(asyncApiBreaks(before, after)).toEqual([
    {
      breaks: 'callers',
      event: 'price.quote',
      part: 'reply',
      path: 'cents',
      message: 'it is required, and may be missing',
    },
  ]);
}
