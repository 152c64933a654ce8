import {
  Catch,
  Controller,
  createParamDecorator,
  Inject,
  Injectable,
  Module,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  ClientProxy,
  ClientsModule,
  CONTEXT,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RmqContext,
  RpcException,
  type RequestContext,
} from '@nestjs/microservices';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom, map, of, throwError, toArray, type Observable } from 'rxjs';
import { AMQP_TRANSPORT, AmqpClientProxy, AmqpRpcContext, AmqpServer, type AmqpStatus } from 'nest-amqp/microservices';
import { Connection } from 'nest-amqp/client';
import { errorOf, eventOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

const ask = (client: ClientProxy, pattern: unknown, data: unknown = {}): Promise<unknown> =>
  firstValueFrom(client.send(pattern, data).pipe(toArray()));

describe('Guards, pipes, interceptors and filters', () => {
  it('apply, and filters decide the error of the requester', async () => {
    const types: string[] = [];

    @Injectable()
    class TenantGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        types.push(context.getType());
        const { headers } = context.switchToRpc().getContext<AmqpRpcContext>();
        if (headers['x-tenant'] !== 'acme') throw new RpcException('not your tenant');
        return true;
      }
    }

    @Injectable()
    class Doubled implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(map((value) => [value, value]));
      }
    }

    class Positive implements PipeTransform {
      transform(value: number): number {
        if (value < 0) throw new RpcException({ code: 'negative' });
        return value + 1;
      }
    }

    @Catch(TypeError)
    class Explained implements ExceptionFilter<TypeError> {
      catch(error: TypeError, host: ArgumentsHost): Observable<never> {
        const pattern = host.switchToRpc().getContext<AmqpRpcContext>().getPattern();
        return throwError(() => ({ status: 'explained', message: error.message, pattern }));
      }
    }

    @Catch(RangeError)
    class Recovered implements ExceptionFilter<RangeError> {
      catch(): Observable<unknown> {
        return of('recovered');
      }
    }

    @Controller()
    @UseGuards(TenantGuard)
    @UseFilters(Explained, Recovered)
    class Service {
      @MessagePattern('doubled')
      @UseInterceptors(Doubled)
      doubled(@Payload('n', ParseIntPipe) n: number): number {
        return n;
      }

      @MessagePattern('positive')
      @UsePipes(Positive)
      positive(@Payload() n: number): number {
        return n;
      }

      @MessagePattern('explained')
      explained(): never {
        throw new TypeError('because');
      }

      @MessagePattern('recovered')
      recovered(): never {
        throw new RangeError('far');
      }
    }
    const queue = harness.name();
    await harness.serve({ controllers: [Service], providers: [TenantGuard] }, { queue });
    const client = harness.client({ queue, headers: { 'x-tenant': 'acme' } });
    expect(await ask(client, 'doubled', { n: '7' })).toEqual([[7, 7]]);
    expect(await ask(client, 'positive', 1)).toEqual([2]);
    expect(await errorOf(ask(client, 'positive', -1))).toEqual({ code: 'negative' });
    expect(await errorOf(ask(client, 'explained'))).toEqual({
      status: 'explained',
      message: 'because',
      pattern: 'explained',
    });
    expect(await ask(client, 'recovered')).toEqual(['recovered']);
    const stranger = harness.client({ queue, headers: { 'x-tenant': 'other' } });
    expect(await errorOf(ask(stranger, 'recovered'))).toEqual({ status: 'error', message: 'not your tenant' });
    expect(new Set(types)).toEqual(new Set(['rpc']));
  });
});

describe('Parameter decorators', () => {
  it('may promise their value, and fail the message', async () => {
    const Later = createParamDecorator((name: string, host: ExecutionContext) =>
      Promise.resolve(`${name} of ${host.switchToRpc().getContext<AmqpRpcContext>().getPattern()}`),
    );
    const Refused = createParamDecorator(() => Promise.reject(new RpcException('refused')));
    const Broken = createParamDecorator((): unknown => {
      throw new RpcException('broken');
    });

    @Controller()
    class Service {
      @MessagePattern('both')
      both(@Payload('n') n: number, @Later('tenant') tenant: string, @Ctx() context: AmqpRpcContext): unknown[] {
        return [n, tenant, context.getPattern()];
      }

      @MessagePattern('refused')
      refused(@Refused() _refused: unknown): void {}

      @MessagePattern('broken')
      broken(@Payload() _data: unknown, @Broken() _broken: unknown): void {}
    }
    const queue = harness.name();
    await harness.serve({ controllers: [Service] }, { queue });
    const client = harness.client({ queue });
    expect(await ask(client, 'both', { n: 7 })).toEqual([[7, 'tenant of both', 'both']]);
    expect(await errorOf(ask(client, 'refused'))).toEqual({ status: 'error', message: 'refused' });
    expect(await errorOf(ask(client, 'broken'))).toEqual({ status: 'error', message: 'broken' });
  });
});

describe('Request scope', () => {
  it('gives each message its own instances, which receive the context', async () => {
    let instances = 0;

    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      readonly number = ++instances;

      constructor(@Inject(CONTEXT) private readonly request: RequestContext<unknown, AmqpRpcContext>) {}

      get name(): unknown {
        return this.request.getContext().headers['x-tenant'];
      }
    }

    const seen = new Inbox<unknown>();

    @Controller({ scope: Scope.REQUEST })
    class Service {
      constructor(private readonly tenant: Tenant) {}

      @MessagePattern('whose')
      whose(): unknown {
        return [this.tenant.name, this.tenant.number];
      }

      @EventPattern<string>('told')
      told(): void {
        seen.add([this.tenant.name, this.tenant.number]);
      }
    }
    const queue = harness.name();
    await harness.serve({ controllers: [Service], providers: [Tenant] }, { queue, prefetchCount: 1 });
    expect(await ask(harness.client({ queue, headers: { 'x-tenant': 'a' } }), 'whose')).toEqual([['a', 1]]);
    expect(await ask(harness.client({ queue, headers: { 'x-tenant': 'b' } }), 'whose')).toEqual([['b', 2]]);
    harness.client({ queue, headers: { 'x-tenant': 'c' } }).emit('told', 1);
    expect(await seen.next()).toEqual(['c', 3]);
  });
});

describe('The context', () => {
  it('is an RmqContext with the data of the message', async () => {
    const contexts = new Inbox<AmqpRpcContext>();

    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(@Ctx() context: AmqpRpcContext): void {
        contexts.add(context);
      }
    }
    const queue = harness.name();
    await harness.serve([Service], { queue });
    const packet = JSON.stringify({ pattern: 'told', data: 1, metadata: { trace: 't-1' } });
    const timestamp = new Date('2026-01-02T03:04:05Z');
    const properties = { messageId: 'm', timestamp, headers: { a: 'b' }, priority: 2 };
    await harness.channel.publish('', queue, packet, properties);
    const context = await contexts.next();
    expect(context).toBeInstanceOf(RmqContext);
    expect(context.getArgs()).toEqual([context.getMessage(), context.getChannelRef(), 'told']);
    expect(context.getMetadata()).toEqual({ trace: 't-1' });
    expect(context.properties).toEqual(properties);
    expect(context).toMatchObject({ queue, headers: { a: 'b' }, attempt: 1 });
    expect(context.getMessage()).toEqual({
      content: Buffer.from(packet),
      fields: {
        consumerTag: expect.any(String),
        deliveryTag: 1,
        redelivered: false,
        exchange: '',
        routingKey: queue,
      },
      properties: { ...properties, timestamp: 1_767_323_045 },
    });
    await eventually(() => context.settled);
    await harness.channel.publish('', queue, JSON.stringify({ pattern: 'told', data: 1 }));
    const bare = await contexts.next();
    expect(bare.headers).toEqual({});
    expect(bare.getMessage().properties.headers).toEqual({});
    expect(bare.getMetadata()).toBeUndefined();
  });

  // Nest 11 has no dispatch hook.
  if ('setOnDispatchHook' in ClientProxy.prototype) {
    it('contains the data that the client’s dispatch hook attaches to requests and events', async () => {
      const seen = new Inbox<unknown>();

      @Controller()
      class Service {
        @MessagePattern('echo')
        echo(@Payload() data: unknown, @Ctx() context: AmqpRpcContext): unknown {
          return { data, metadata: context.getMetadata() ?? null };
        }

        @EventPattern<string>('told')
        told(@Ctx() context: AmqpRpcContext): void {
          seen.add(context.getMetadata());
        }
      }
      const queue = harness.name();
      await harness.serve([Service], { queue });
      const client = harness.client({ queue });
      expect(await ask(client, 'echo', 'plain')).toEqual([{ data: 'plain', metadata: null }]);
      client.setOnDispatchHook((packet) => {
        packet.metadata = { trace: String(packet.data) };
      });
      expect(await ask(client, 'echo', 7)).toEqual([{ data: 7, metadata: { trace: '7' } }]);
      await lastValueFrom(client.emit('told', 8));
      expect(await seen.next()).toEqual({ trace: '8' });
    });

    it('is not sent when the client’s dispatch hook throws: the call fails, connected or not', async () => {
      const client = harness.client({ queue: harness.name() });
      client.setOnDispatchHook(() => {
        throw new Error('no trace');
      });
      for (let turn = 0; turn < 2; turn++) {
        await expect(lastValueFrom(client.send('echo', 1))).rejects.toThrow('no trace');
        await expect(lastValueFrom(client.emit('told', 1))).rejects.toThrow('no trace');
      }
    });
  }
});

describe('Processing hooks', () => {
  it('run around each message, however they use their callback', async () => {
    const steps = new Inbox<unknown>();

    @Controller()
    class Service {
      @MessagePattern('ask')
      ask(): Observable<number> {
        steps.add('ask');
        return of(1, 2);
      }

      @EventPattern<string>('tell')
      async tell(): Promise<void> {
        steps.add('tell');
      }

      @EventPattern<string>('fail')
      fail(): never {
        steps.add('fail');
        throw new Error('no');
      }
    }
    const queue = harness.name();
    const server = new AmqpServer({ urls: harness.url, queue, noAck: false, retry: false, gracePeriod: 0 });
    server.setOnProcessingStartHook((transport, context, done) => {
      steps.add(['start', transport === AMQP_TRANSPORT, (context as AmqpRpcContext).getPattern()]);
      void done();
    });
    server.setOnProcessingEndHook((_transport, context) =>
      steps.add(['end', (context as AmqpRpcContext).getPattern()]),
    );
    await harness.serve([Service], server);
    const client = harness.client({ queue });
    for (const [pattern, send] of [
      ['ask', true],
      ['tell', false],
      ['fail', false],
    ] as const) {
      // prettier-ignore
      if (send) expect(await ask(client, pattern)).toEqual([1, 2]);
      else await lastValueFrom(client.emit(pattern, 1));
      expect(await steps.take(3)).toEqual([['start', true, pattern], pattern, ['end', pattern]]);
    }
    await eventually(async () => (await harness.ready(`${queue}.parked`)) === 1);
  });

  it('that throw fail the message, which is settled', async () => {
    @Controller()
    class Service {
      @EventPattern<string>('tell')
      tell(): void {}
    }
    const queue = harness.name();
    const server = new AmqpServer({ urls: harness.url, queue, noAck: false, retry: false, gracePeriod: 0 });
    server.setOnProcessingStartHook(() => {
      throw new Error('the hook');
    });
    await harness.serve([Service], server);
    await lastValueFrom(harness.client({ queue }).emit('tell', 1));
    expect(await harness.lines.until('the hook')).toContain('parked');
  });
});

describe('Handlers', () => {
  it('of another transport are not served', async () => {
    @Controller()
    class Service {
      @MessagePattern('ours', AMQP_TRANSPORT)
      ours(): string {
        return 'ours';
      }

      @MessagePattern('theirs', Symbol('another'))
      theirs(): string {
        return 'theirs';
      }
    }
    const queue = harness.name();
    await harness.serve([Service], { queue });
    const client = harness.client({ queue });
    expect(await ask(client, 'ours')).toEqual(['ours']);
    expect(await errorOf(ask(client, 'theirs'))).toContain('no matching message handler');
  });
});

describe('Status, events and the connection', () => {
  it('report both sides, from the first connection on', async () => {
    @Controller()
    class Service {
      @MessagePattern('ping')
      ping(): string {
        return 'pong';
      }
    }
    const queue = harness.name();
    const { proxy, url } = await harness.proxy();
    const connection = { reconnect: { initialDelay: 20, maxDelay: 50 } };
    const server = new AmqpServer({ urls: url, queue, noAck: false, connection, gracePeriod: 0 });
    const client = harness.client({ urls: url, queue, connection }) as AmqpClientProxy;
    const sides = [server, client].map((side) => {
      const statuses: AmqpStatus[] = [];
      const events: string[] = [];
      side.status.subscribe((status) => statuses.push(status as AmqpStatus));
      side.on('connect', () => events.push('connect'));
      side.on('disconnect', ({ err }) => events.push(`disconnect ${err.name}`));
      return { side, statuses, events };
    });
    expect(() => server.unwrap()).toThrow('call listen()');
    expect(() => client.unwrap()).toThrow('await connect()');
    await harness.serve([Service], server);
    expect(await ask(client, 'ping')).toEqual(['pong']);
    expect(server.unwrap()).toBeInstanceOf(Connection);
    const back = sides.map(({ side }) => eventOf(side.unwrap<Connection>(), 'reconnected'));
    proxy.cut();
    await Promise.all(back);
    expect(await ask(client, 'ping')).toEqual(['pong']);
    for (const { statuses, events } of sides) {
      expect(statuses).toEqual(['connected', 'disconnected', 'connected']);
      expect(events).toEqual(['connect', 'disconnect ConnectionLostError', 'connect']);
    }
    await client.close();
    expect(sides[1]!.statuses.at(-1)).toBe('disconnected');
  });

  it('report when the broker accepts no messages', async () => {
    const queue = harness.name();
    const client = harness.client({ queue }) as AmqpClientProxy;
    const statuses: string[] = [];
    client.status.subscribe((status) => statuses.push(status));
    const reasons: string[] = [];
    client.on('blocked', ({ reason }) => reasons.push(reason));
    await client.connect();
    const connection = client.unwrap<Connection>();
    connection.emit('blocked', 'low on memory');
    connection.emit('unblocked');
    expect(statuses).toEqual(['connected', 'blocked', 'unblocked']);
    expect(reasons).toEqual(['low on memory']);
  });

  it('restore the server when its queue was deleted', async () => {
    const seen = new Inbox<unknown>();

    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(data: unknown): void {
        seen.add(data);
      }
    }
    const queue = harness.name();
    await harness.channel.queueDeclare(queue);
    const server = new AmqpServer({ urls: harness.url, queue, noAck: false, noAssert: true, gracePeriod: 0 });
    const errors = new Inbox<Error>();
    server.on('error', errors.add);
    await harness.serve([Service], server);
    await harness.channel.queueDelete(queue);
    expect((await errors.next()).name).toBe('ConsumerCancelledError');
    await harness.lines.until('Cannot consume queue');
    await harness.channel.queueDeclare(queue);
    await harness.lines.until(`Consuming queue '${queue}'`);
    await harness.channel.publish('', queue, JSON.stringify({ pattern: 'told', data: 1 }));
    expect(await seen.next()).toBe(1);
  });
});

describe('ClientsModule', () => {
  it('makes the client, and closes it with the application', async () => {
    @Controller()
    class Service {
      @MessagePattern('ping')
      ping(): string {
        return 'pong';
      }
    }
    const queue = harness.name();
    await harness.serve([Service], { queue });

    @Injectable()
    class Gateway {
      constructor(@Inject('SERVICE') readonly client: ClientProxy) {}
    }

    @Module({
      imports: [
        ClientsModule.register([
          { name: 'SERVICE', customClass: AmqpClientProxy, options: { urls: harness.url, queue } },
        ]),
      ],
      providers: [Gateway],
    })
    class GatewayModule {}
    const app = await NestFactory.createApplicationContext(GatewayModule, { logger: harness.lines });
    const { client } = app.get(Gateway);
    expect(await ask(client, 'ping')).toEqual(['pong']);
    const { closed } = client.unwrap<Connection>();
    await app.close();
    expect(await closed).toBeUndefined();
  });
});
