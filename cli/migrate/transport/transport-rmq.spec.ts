import { beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'ts-morph';
import { useAstLibrary } from '../source/ast.js';
import { Workspace } from '../source/workspace.js';
import { migrateTransport, TRANSPORT_MODULES } from './transport-rmq.js';

beforeAll(() => useAstLibrary(library));

function migrate(files: Record<string, string>) {
  const workspace = Workspace.of(files, TRANSPORT_MODULES);
  migrateTransport(workspace);
  return {
    files: Object.fromEntries(workspace.changed().map(({ path, after }) => [path, after])),
    ...workspace.report,
  };
}

describe('servers', () => {
  it('get a strategy', () => {
    const { files, left } = migrate({
      '/main.ts': `import { NestFactory } from '@nestjs/core';
import { MicroserviceOptions, Transport } from '@nestjs/microservices';
import { AppModule } from './app.module';

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.RMQ,
  options: {
    urls: ['amqp://localhost'],
    queue: 'orders',
  },
});
`,
    });
    expect(left).toEqual([]);
    expect(files['/main.ts']).toBe(`import { NestFactory } from '@nestjs/core';
import { MicroserviceOptions } from '@nestjs/microservices';
import { AppModule } from './app.module';
import { AmqpServer } from 'nest-amqp/microservices';

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  strategy: new AmqpServer({
    urls: ['amqp://localhost'],
    queue: 'orders',
  }),
});
`);
  });

  it('whose options come from a method of another class are followed there', () => {
    const { files, left } = migrate({
      '/rmq.service.ts': `import { RmqOptions, Transport } from '@nestjs/microservices';
export class RmqService {
  getOptions(queue: string, noAck = false): RmqOptions {
    return { transport: Transport.RMQ, options: { queue, noAck, persistent: true } };
  }
}
`,
      '/main.ts': `import { RmqService } from './rmq.service';
const rmqService = app.get<RmqService>(RmqService);
app.connectMicroservice<import('@nestjs/microservices').RmqOptions>(rmqService.getOptions('BILLING'));
`,
    });
    expect(left).toEqual([]);
    expect(files['/rmq.service.ts']).toBe(`import { CustomStrategy } from '@nestjs/microservices';
import { AmqpServer } from 'nest-amqp/microservices';
export class RmqService {
  getOptions(queue: string, noAck = false): CustomStrategy {
    return { strategy: new AmqpServer({ queue, noAck, persistent: true }) };
  }
}
`);
  });
});

describe('clients', () => {
  it('of every kind get a class', () => {
    const { files, left } = migrate({
      '/app.module.ts': `import { Client, ClientProxyFactory, ClientsModule, Transport } from '@nestjs/microservices';
ClientsModule.register([{ name: 'A', transport: Transport.RMQ, options: { queue: 'a' } }]);
ClientsModule.registerAsync([{ name: 'B', useFactory: (c) => ({ transport: Transport.RMQ, options: { queue: c.q } }) }]);
const proxy = ClientProxyFactory.create({ transport: Transport.RMQ, options: rmq });
class Gateway {
  @Client({ transport: Transport.RMQ, options: { queue: 'a' } })
  private readonly client: ClientProxy;
}
ClientsModule.register([{ name: 'C', transport: Transport.TCP }]);
`,
    });
    expect(left).toEqual([]);
    expect(files['/app.module.ts']).toContain(`{ name: 'A', customClass: AmqpClientProxy, options: { queue: 'a' } }`);
    expect(files['/app.module.ts']?.match(/customClass: AmqpClientProxy/g)).toHaveLength(3);
    expect(files['/app.module.ts']).toContain(
      "  private readonly client: ClientProxy = new AmqpClientProxy({ queue: 'a' });",
    );
    expect(files['/app.module.ts']).toContain('transport: Transport.TCP');
  });
});

it('leaves alone what it does not understand, and says where', () => {
  const { files, left } = migrate({
    '/a.ts': `import { Transport } from '@nestjs/microservices';
export const both = { transport: Transport.RMQ, options: { queue: 'q' } };
NestFactory.createMicroservice(App, both);
ClientProxyFactory.create(both);
`,
  });
  expect(files).toEqual({});
  expect(left).toEqual([
    { file: '/a.ts', line: 2, text: 'options of Transport.RMQ that serve both a server and a client' },
  ]);
});

it.each([
  [{ queueOptions: { ttl: 5 } }, "queueOptions: 'ttl' goes into 'arguments', under the name that RabbitMQ has for it"],
  [
    { socketOptions: { ca: 'ca' } },
    "socketOptions: 'ca' has no effect in Transport.RMQ; remove it, or move it into 'connectionOptions'",
  ],
])('leaves alone %j', (options, text) => {
  const { files, left } = migrate({
    '/a.ts': `import { Transport } from '@nestjs/microservices';
NestFactory.createMicroservice(App, { transport: Transport.RMQ, options: ${JSON.stringify(options)} });
`,
  });
  expect(files).toEqual({});
  expect(left).toEqual([{ file: '/a.ts', line: 2, text }]);
});
