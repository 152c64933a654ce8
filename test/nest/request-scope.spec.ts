import {
  Catch,
  Controller,
  Inject,
  Injectable,
  Module,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CanActivate,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type InjectableOptions,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import {
  APP_FILTER,
  APP_GUARD,
  APP_INTERCEPTOR,
  APP_PIPE,
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpContext, classicQueue, Ctx, Payload } from 'nest-amqp';
import type { Observable } from 'rxjs';
import { publisherOf, useNest } from './support/nest-harness.js';
import { Inbox } from '../support/inbox.js';

const nest = useNest();

const LEVELS = ['global', 'class', 'method'] as const;
type Level = (typeof LEVELS)[number];

const SCOPES = {
  static: {},
  request: { scope: Scope.REQUEST },
  transient: { scope: Scope.TRANSIENT },
  durable: { scope: Scope.REQUEST, durable: true },
} as const satisfies Record<string, InjectableOptions>;
type ScopeName = keyof typeof SCOPES;

/** One error class per filter. */
class LevelError extends Error {}
class GlobalError extends LevelError {}
class ClassError extends LevelError {}
class MethodError extends LevelError {}
const ERRORS: Record<Level, new () => LevelError> = { global: GlobalError, class: ClassError, method: MethodError };

/** Returns a guard, a pipe, an interceptor and a filter of one level, which record their calls. */
function enhancersOf(level: Level, scope: ScopeName, seen: Inbox<string>) {
  const options = SCOPES[scope];

  @Injectable(options)
  class Guard implements CanActivate {
    canActivate(execution: ExecutionContext): boolean {
      const context: unknown = execution.switchToRpc().getContext();
      seen.add(`guard ${level} ${execution.getType()} ${context instanceof AmqpContext}`);
      return true;
    }
  }

  @Injectable(options)
  class Pipe implements PipeTransform {
    transform(value: unknown, { type }: { type: string }): unknown {
      if (type === 'body') seen.add(`pipe ${level}`);
      return value;
    }
  }

  @Injectable(options)
  class Interceptor implements NestInterceptor {
    intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
      seen.add(`interceptor ${level} ${execution.getType()}`);
      return next.handle();
    }
  }

  @Catch(ERRORS[level])
  @Injectable(options)
  class Filter implements ExceptionFilter {
    catch(): string {
      seen.add(`filter ${level}`);
      return 'handled';
    }
  }

  return { Guard, Pipe, Interceptor, Filter };
}

const cases = (Object.keys(SCOPES) as ScopeName[]).flatMap((handlers) =>
  (['static', 'request', 'transient'] as const).flatMap((enhancers) =>
    (['provider', 'controller'] as const).map((kind) => ({ handlers, enhancers, kind })),
  ),
);

describe('guards, pipes, interceptors and filters at every level', () => {
  it.each(cases)('$enhancers enhancers of a $handlers $kind', async ({ handlers, enhancers, kind }) => {
    const queue = nest.name('scopes');
    const seen = new Inbox<string>();
    const onMethod = enhancersOf('method', enhancers, seen);
    const onClass = enhancersOf('class', enhancers, seen);
    const everywhere = enhancersOf('global', enhancers, seen);

    @UseGuards(onClass.Guard)
    @UsePipes(onClass.Pipe)
    @UseInterceptors(onClass.Interceptor)
    @UseFilters(onClass.Filter)
    class Billing {
      @AmqpConsumer(queue, { concurrency: 1 })
      @UseGuards(onMethod.Guard)
      @UsePipes(onMethod.Pipe)
      @UseInterceptors(onMethod.Interceptor)
      @UseFilters(onMethod.Filter)
      onOrder(@Payload() order: Level | 'none'): void {
        seen.add(`handler ${order}`);
        if (order !== 'none') throw new ERRORS[order]();
      }
    }
    (kind === 'controller' ? Controller(SCOPES[handlers]) : Injectable(SCOPES[handlers]))(Billing);

    const app = await nest.start(
      {
        [kind === 'controller' ? 'controllers' : 'providers']: [Billing],
        ...(kind === 'controller' ? { providers: globals() } : { providers: [Billing, ...globals()] }),
      },
      { topology: { queues: [classicQueue(queue)] } },
    );
    function globals() {
      return [
        { provide: APP_GUARD, useClass: everywhere.Guard },
        { provide: APP_PIPE, useClass: everywhere.Pipe },
        { provide: APP_INTERCEPTOR, useClass: everywhere.Interceptor },
        { provide: APP_FILTER, useClass: everywhere.Filter },
      ];
    }

    const before = [
      ...LEVELS.map((level) => `guard ${level} rpc true`),
      ...LEVELS.map((level) => `interceptor ${level} rpc`),
      ...LEVELS.map((level) => `pipe ${level}`),
    ];
    const publisher = publisherOf(app);
    await publisher.sendToQueue(queue, 'none');
    expect(await seen.take(10)).toEqual([...before, 'handler none']);
    for (const level of LEVELS) {
      await publisher.sendToQueue(queue, level);
      expect(await seen.take(11)).toEqual([...before, `handler ${level}`, `filter ${level}`]);
    }
    await nest.close(app);
    // The filters have handled the errors: all four messages are acknowledged.
    expect(await nest.ready(queue)).toBe(0);
  });
});

describe('an instance for each message', () => {
  interface Call {
    readonly instance: object;
    readonly request: unknown;
    readonly context: AmqpContext;
  }

  /** Returns the calls for three messages of the tenants a, b and a. */
  async function callsOf(
    makeHost: (queue: string, calls: Inbox<Call>) => { providers?: Type[]; controllers?: Type[]; imports?: Type[] },
  ): Promise<Call[]> {
    const queue = nest.name('instances');
    const calls = new Inbox<Call>();
    const { imports = [], ...host } = makeHost(queue, calls);

    @Module({ imports, ...host })
    class Host {}

    const { AmqpModule } = await import('nest-amqp');
    const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    const app = await nest.start({ imports: [amqp, Host] });
    for (const tenant of ['a', 'b', 'a']) {
      await publisherOf(app).sendToQueue(queue, {}, { headers: { tenant } });
    }
    return calls.take(3);
  }

  const distinct = (calls: readonly Call[]): number => new Set(calls.map(({ instance }) => instance)).size;

  it.each(['provider', 'controller'] as const)('request-scoped %s: REQUEST is the AmqpContext', async (kind) => {
    const calls = await callsOf((queue, seen) => {
      class Billing {
        constructor(@Inject(REQUEST) private readonly request: unknown) {}

        @AmqpConsumer(queue)
        onOrder(@Ctx() context: AmqpContext): void {
          seen.add({ instance: this, request: this.request, context });
        }
      }
      if (kind === 'controller') {
        Controller({ scope: Scope.REQUEST })(Billing);
        return { controllers: [Billing] };
      }
      Injectable({ scope: Scope.REQUEST })(Billing);
      return { providers: [Billing] };
    });
    expect(distinct(calls)).toBe(3);
    for (const { request, context } of calls) {
      expect(request).toBeInstanceOf(AmqpContext);
      expect(request).toBe(context);
    }
  });

  it('transient: a new instance for each message', async () => {
    const calls = await callsOf((queue, seen) => {
      @Injectable({ scope: Scope.TRANSIENT })
      class Billing {
        @AmqpConsumer(queue)
        onOrder(@Ctx() context: AmqpContext): void {
          seen.add({ instance: this, request: undefined, context });
        }
      }
      return { providers: [Billing] };
    });
    expect(distinct(calls)).toBe(3);
  });

  it('static: the same instance, with a transient dependency too', async () => {
    const calls = await callsOf((queue, seen) => {
      @Injectable({ scope: Scope.TRANSIENT })
      class Helper {}

      @Injectable()
      class Billing {
        constructor(readonly helper: Helper) {}

        @AmqpConsumer(queue)
        onOrder(@Ctx() context: AmqpContext): void {
          seen.add({ instance: this, request: this.helper, context });
        }
      }
      return { providers: [Billing, Helper] };
    });
    expect(distinct(calls)).toBe(1);
  });

  it('by an indirect dependency', async () => {
    const calls = await callsOf((queue, seen) => {
      @Injectable({ scope: Scope.REQUEST })
      class Tenant {
        constructor(@Inject(REQUEST) readonly context: AmqpContext) {}
      }

      @Injectable()
      class Ledger {
        constructor(readonly tenant: Tenant) {}
      }

      @Injectable()
      class Billing {
        constructor(private readonly ledger: Ledger) {}

        @AmqpConsumer(queue)
        onOrder(@Ctx() context: AmqpContext): void {
          seen.add({ instance: this, request: this.ledger.tenant.context, context });
        }
      }
      return { providers: [Billing, Ledger, Tenant] };
    });
    expect(distinct(calls)).toBe(3);
    for (const { request, context } of calls) expect(request).toBe(context);
  });

  it('by a request-scoped guard, which sees its own message', async () => {
    const seenByGuard: unknown[] = [];
    const calls = await callsOf((queue, seen) => {
      @Injectable({ scope: Scope.REQUEST })
      class TenantGuard implements CanActivate {
        constructor(@Inject(REQUEST) private readonly request: AmqpContext) {}

        canActivate(execution: ExecutionContext): boolean {
          seenByGuard.push(this.request === execution.switchToRpc().getContext());
          return true;
        }
      }

      @Injectable()
      class Billing {
        @AmqpConsumer(queue)
        @UseGuards(TenantGuard)
        onOrder(@Ctx() context: AmqpContext): void {
          seen.add({ instance: this, request: undefined, context });
        }
      }
      return { providers: [Billing] };
    });
    expect(distinct(calls)).toBe(3);
    expect(seenByGuard).toEqual([true, true, true]);
  });

  it('in each of several modules that provide the class, with the dependencies of that module; aliases do not consume', async () => {
    const names: unknown[] = [];
    const queue = nest.name('modules');
    const seen = new Inbox<string>();

    @Injectable({ scope: Scope.REQUEST })
    class Billing {
      constructor(@Inject('name') private readonly name: string) {
        names.push(name);
      }

      @AmqpConsumer(queue)
      onOrder(): void {
        seen.add(this.name);
      }
    }

    @Module({ providers: [Billing, { provide: 'name', useValue: 'first' }] })
    class First {}

    @Module({
      providers: [
        Billing,
        { provide: 'name', useValue: 'second' },
        { provide: 'alias', useExisting: Billing },
        { provide: 'passed on', useFactory: (billing: object) => billing, inject: [Billing] },
      ],
    })
    class Second {}

    const { AmqpModule, AmqpConsumerRegistry } = await import('nest-amqp');
    const amqp = AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(queue)] } });
    const app = await nest.start({ imports: [amqp, First, Second] });
    expect(app.get(AmqpConsumerRegistry).list()).toHaveLength(2);
    for (let id = 0; id < 4; id++) await publisherOf(app).sendToQueue(queue, id);
    // The broker distributes the messages in turn.
    expect((await seen.take(4)).toSorted()).toEqual(['first', 'first', 'second', 'second']);
  });

  describe('durable', () => {
    /** Creates a sub-tree for each tenant. */
    class ByTenant implements ContextIdStrategy<AmqpContext> {
      private readonly trees = new Map<unknown, ContextId>();

      attach(contextId: ContextId, context: AmqpContext) {
        const { tenant } = context.headers;
        const tree = this.trees.get(tenant) ?? ContextIdFactory.create();
        this.trees.set(tenant, tree);
        return {
          resolve: ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? tree : contextId),
          payload: { tenant },
        };
      }
    }

    afterEach(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));

    it('one instance for each tenant, which sees the payload of the strategy', async () => {
      ContextIdFactory.apply(new ByTenant());
      const calls = await callsOf((queue, seen) => {
        @Injectable({ scope: Scope.REQUEST, durable: true })
        class Billing {
          constructor(@Inject(REQUEST) private readonly request: unknown) {}

          @AmqpConsumer(queue)
          onOrder(@Ctx() context: AmqpContext): void {
            seen.add({ instance: this, request: this.request, context });
          }
        }
        return { providers: [Billing] };
      });
      const instanceOf = (tenant: string) =>
        new Set(calls.filter(({ context }) => context.headers['tenant'] === tenant).map(({ instance }) => instance));
      expect([instanceOf('a').size, instanceOf('b').size, distinct(calls)]).toEqual([1, 1, 2]);
      for (const { request, context } of calls) expect(request).toEqual({ tenant: context.headers['tenant'] });
    });

    it('below a request-scoped handler: the handler is new, the durable dependency is that of the tenant', async () => {
      ContextIdFactory.apply(new ByTenant());
      const calls = await callsOf((queue, seen) => {
        @Injectable({ scope: Scope.REQUEST, durable: true })
        class Pool {
          constructor(@Inject(REQUEST) readonly request: { tenant: string }) {}
        }

        @Injectable({ scope: Scope.REQUEST })
        class Billing {
          constructor(private readonly pool: Pool) {}

          @AmqpConsumer(queue)
          onOrder(@Ctx() context: AmqpContext): void {
            seen.add({ instance: this, request: this.pool, context });
          }
        }
        return { providers: [Billing, Pool] };
      });
      expect(distinct(calls)).toBe(3);
      expect(new Set(calls.map(({ request }) => request)).size).toBe(2);
      for (const { request, context } of calls) {
        expect((request as { request: { tenant: string } }).request.tenant).toBe(context.headers['tenant']);
      }
    });
  });
});
