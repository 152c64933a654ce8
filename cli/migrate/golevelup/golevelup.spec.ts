import { beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'ts-morph';
import { useAstLibrary } from '../source/ast.js';
import { Workspace } from '../source/workspace.js';
import { migrateGolevelup } from './golevelup.js';
import { GOLEVELUP_MODULES } from './names.js';

beforeAll(() => useAstLibrary(library));

function migrate(files: Record<string, string>) {
  const workspace = Workspace.of(files, GOLEVELUP_MODULES);
  migrateGolevelup(workspace);
  const after = Object.fromEntries(workspace.changed().map(({ path, after }) => [path, after]));
  return { files: { ...files, ...after }, changed: Object.keys(after), ...workspace.report };
}

const MODULE = `import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { Billing } from './billing';

@Module({
  imports: [
    RabbitMQModule.forRoot({
      exchanges: [{ name: 'orders', type: 'topic' }],
      uri: 'amqp://localhost',
      channels: { slow: { prefetchCount: 2 } },
    }),
  ],
  providers: [Billing],
})
export class AppModule {}
`;

describe('a project that is understood', () => {
  const { files, left } = (() => {
    useAstLibrary(library);
    return migrate({
      '/app.module.ts': MODULE,
      '/names.ts': `export enum Key { Created = 'order.created' }\nexport const QUEUE = 'billing';\n`,
      '/billing.ts': `import { AmqpConnection, MessageHandlerErrorBehavior, Nack, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import { Key, QUEUE } from './names';

const TTL = 60_000;

@Injectable()
export class Billing {
  constructor(private readonly amqp: AmqpConnection) {}

  @RabbitSubscribe({
    exchange: 'orders',
    routingKey: [Key.Created, 'order.paid'],
    queue: QUEUE,
    queueOptions: { durable: true, channel: 'slow', messageTtl: TTL },
    errorBehavior: MessageHandlerErrorBehavior.NACK,
  })
  async onOrder(order: { id: string }, message: ConsumeMessage): Promise<void | Nack> {
    if (!order.id) return new Nack();
    await this.amqp.publish('orders', message.fields.routingKey, { ...order, tenant: message.properties.headers?.tenant }, { persistent: true });
  }
}
`,
    });
  })();

  it('has nothing left', () => expect(left).toEqual([]));

  it('declares in the module what its handlers use', () => {
    expect(files['/app.module.ts'])
      .toBe(`import { AmqpModule, bindQueue, classicQueue, topicExchange } from 'nest-amqp';
import { Module } from '@nestjs/common';
import { Billing, TTL } from './billing';
import { Key, QUEUE } from './names';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: 'amqp://localhost',
      topology: {
        exchanges: [
          topicExchange('orders'),
        ],
        queues: [
          classicQueue(QUEUE, { messageTtl: TTL }),
        ],
        bindings: [
          bindQueue(QUEUE, 'orders', Key.Created),
          bindQueue(QUEUE, 'orders', 'order.paid'),
        ],
      },
    }),
  ],
  providers: [Billing],
})
export class AppModule {}
`);
  });

  it('has handlers and publishers of nest-amqp', () => {
    expect(files['/billing.ts']).toBe(`import {
  AmqpConsumer,
  AmqpContext,
  ConfirmingPublisher,
  Ctx,
  Payload,
  RejectMessage,
} from 'nest-amqp';
import { Injectable } from '@nestjs/common';
import { Key, QUEUE } from './names';

export const TTL = 60_000;

@Injectable()
export class Billing {
  constructor(private readonly amqp: ConfirmingPublisher) {}

  @AmqpConsumer(QUEUE, { prefetch: 2, retry: { attempts: 1, then: 'dead-letter' } })
  async onOrder(@Payload() order: { id: string }, @Ctx() message: AmqpContext): Promise<void> {
    if (!order.id) throw new RejectMessage();
    await this.amqp.publish('orders', message.routingKey, { ...order, tenant: message.headers?.tenant }, { persistent: true });
  }
}
`);
  });
});

it('leaves a handler that it does not understand, and the old module beside the new one for it', () => {
  const first = migrate({
    '/app.module.ts': MODULE,
    '/billing.ts': `import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { retry } from './retry';
export class Billing {
  @RabbitSubscribe({ exchange: 'orders', routingKey: '#', queue: 'audit' })
  onAny(order: unknown) {}

  @RabbitSubscribe({ exchange: 'orders', routingKey: 'order.*', queue: 'billing', errorHandler: retry })
  onOrder(order: unknown) {}
}
`,
  });
  expect(first.left).toEqual([
    { file: '/billing.ts', line: 7, text: expect.stringContaining('an error handler of your own') },
  ]);
  expect(first.files['/billing.ts']).toContain("@AmqpConsumer('audit')");
  expect(first.files['/billing.ts']).toContain('errorHandler: retry');
  expect(first.files['/app.module.ts']).toContain('    RabbitMQModule.forRoot({\n      exchanges');
  expect(first.files['/app.module.ts']).toContain("classicQueue('audit')");
  expect(first.files['/app.module.ts']).not.toContain("classicQueue('billing')");
  expect(migrate(first.files).changed).toEqual([]);
});

it('makes one of several registrations of a connection, and leaves those that differ', () => {
  const other = (uri: string) => `import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { EXCHANGE } from './names';
@Module({
  imports: [
    RabbitMQModule.forRoot({ uri: '${uri}', exchanges: [{ name: EXCHANGE, type: 'fanout' }] }),
    UsersModule,
  ],
})
export class OtherModule {}
`;
  const first = MODULE.replace('      channels: { slow: { prefetchCount: 2 } },\n', '');
  const names = `export const EXCHANGE = 'users';\n`;
  const { files, left } = migrate({
    '/app.module.ts': first,
    '/names.ts': names,
    '/other.module.ts': other('amqp://localhost'),
  });
  expect(left).toEqual([]);
  expect(files['/app.module.ts']).toContain("topicExchange('orders'),\n          fanoutExchange(EXCHANGE),");
  expect(files['/other.module.ts']).toBe(`import { EXCHANGE } from './names';
@Module({
  imports: [
    UsersModule,
  ],
})
export class OtherModule {}
`);

  const differing = migrate({
    '/app.module.ts': first,
    '/names.ts': names,
    '/other.module.ts': other('amqp://elsewhere'),
  });
  expect(differing.changed).toEqual([]);
  expect(differing.left).toEqual([
    { file: '/app.module.ts', line: 7, text: expect.stringMatching(/RabbitMQModule.*different options/) },
  ]);
});

describe('several @RabbitRPC of one queue', () => {
  const prices = (...handlers: string[]) => ({
    '/app.module.ts': MODULE,
    '/names.ts': `export const Key = { Get: 'price.get', List: 'price.list' } as const;\nexport const QUEUE = 'prices';\n`,
    '/prices.ts': `import { RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Key, QUEUE } from './names';
export class Prices {
${handlers.map((handler, at) => `  @${handler}\n  method${at}(request: unknown) {}\n`).join('')}}
`,
  });
  const rpc = (routingKey: string, more = '', queue = 'QUEUE') =>
    `RabbitRPC({ exchange: 'shop', routingKey: ${routingKey}, queue: ${queue}${more} })`;

  it('get their routing keys, whatever the queue is written as', () => {
    const first = migrate(prices(rpc('Key.Get'), rpc("[Key.List, 'price.all']"), rpc("'price.*'", '', "'prices'")));
    expect(first.left).toEqual([]);
    expect(first.files['/prices.ts']).toContain(`  @AmqpRpc(QUEUE, { routingKey: Key.Get })
  method0(@Payload() request: unknown) {}
  @AmqpRpc(QUEUE, { routingKey: [Key.List, 'price.all'] })
  method1(@Payload() request: unknown) {}
  @AmqpRpc('prices', { routingKey: 'price.*' })
  method2(@Payload() request: unknown) {}
`);
    expect(first.files['/app.module.ts']).toContain("bindQueue(QUEUE, 'shop', Key.Get),");
    expect(first.different).toEqual([
      { file: '/prices.ts', line: 4, text: expect.stringContaining('Prices.method0, Prices.method1, Prices.method2') },
    ]);
    expect(migrate(first.files).changed).toEqual([]);
  });

  it('keep the options of their consumer', () => {
    const more = ", queueOptions: { channel: 'slow' }";
    const { files, left } = migrate(prices(rpc('Key.Get', more), rpc('Key.List', more)));
    expect(left).toEqual([]);
    expect(files['/prices.ts']).toContain('@AmqpRpc(QUEUE, { routingKey: Key.List, prefetch: 2 })');
  });

  const channel = ", queueOptions: { channel: 'slow' }";
  it.each([
    ['an unknown key', [rpc('Key.Get'), rpc('process.env.KEY')], 'a routing key is not written out'],
    ['no key', [rpc('Key.Get'), "RabbitRPC({ exchange: 'shop', queue: QUEUE })"], 'a routing key is not written out'],
    ['another exchange', [rpc('Key.Get'), rpc('Key.List').replace('shop', 'other')], 'their exchanges differ'],
    ['an unknown queue', [rpc('Key.Get', '', 'process.env.Q'), rpc('Key.List', '', 'process.env.Q')], 'whose name'],
    ['one key twice', [rpc('Key.Get'), rpc("'price.get'")], "two of them take 'price.get'"],
    ['patterns that overlap', [rpc("'price.*'"), rpc("'#'")], "two of them take 'price.*'"],
    ['a # inside', [rpc('Key.Get'), rpc("'#.list'")], "stops reading a routing key at its '#'"],
    ['a subscriber', [rpc('Key.Get'), rpc('Key.List'), rpc("'x'").replace('RPC', 'Subscribe')], '@RabbitSubscribe'],
    ['different options', [rpc('Key.Get'), rpc('Key.List', channel)], 'with different options'],
    [
      'different declarations',
      [rpc('Key.Get', ', queueOptions: { messageTtl: 1 }'), rpc('Key.List', ', queueOptions: { messageTtl: 2 }')],
      'declare its queue, with different options',
    ],
  ])('are left together with %s', (_, handlers, reason) => {
    const first = migrate(prices(...handlers));
    expect(first.left.map(({ line }) => line)).toEqual(handlers.map((_handler, at) => 4 + 2 * at));
    for (const { text } of first.left) expect(text).toContain(reason);
    expect(first.files['/prices.ts']).toBe(prices(...handlers)['/prices.ts']);
    expect(migrate(first.files).changed).toEqual([]);
  });

  it('are left with the one that is left for another reason', () => {
    const { left } = migrate(prices(rpc('Key.Get'), rpc('Key.List', ', errorHandler: mine')));
    expect(left.map(({ text }) => text)).toEqual([
      'it shares its queue with Prices.method1, which is left',
      expect.stringContaining('an error handler of your own'),
    ]);
  });

  it('move with patterns that no key fits both of', () => {
    expect(migrate(prices(rpc("'price.*'"), rpc("'stock.#'"))).left).toEqual([]);
  });
});

it('tells where the caller of a publish gets its receipt', () => {
  const { left, different } = migrate({
    '/app.module.ts': MODULE,
    '/shop.ts': `import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
export class Shop {
  constructor(private readonly amqp: AmqpConnection) {}
  async typed(): Promise<void> {
    return this.amqp.publish('orders', 'a', {});
  }
  async open() {
    return await this.amqp.publish('orders', 'b', {});
  }
  short = () => this.amqp.publish('orders', 'c', {});
}
`,
  });
  expect(left).toEqual([]);
  expect(different.map(({ line, text }) => [line, text])).toEqual([
    [8, expect.stringContaining('receipt')],
    [10, expect.stringContaining('receipt')],
  ]);
});
