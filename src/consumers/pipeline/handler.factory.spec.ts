import {
  BadRequestException,
  Catch,
  Controller,
  createParamDecorator,
  ForbiddenException,
  Injectable,
  Module,
  ParseIntPipe,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentMetadata,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type LoggerService,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE, DiscoveryModule, ExternalContextCreator, Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { concat, EMPTY, map, of, throwError, type Observable } from 'rxjs';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { AmqpConsumer } from '../decorators/amqp-consumer.decorator.js';
import { ConsumerMetadataAccessor } from '../discovery/consumer-metadata.accessor.js';
import { ConsumerExplorer } from '../discovery/consumer.explorer.js';
import { HandlerFactory, type MessageHandler } from './handler.factory.js';
import { ProcessingHooks } from './processing-hooks.js';
import { HostInstances } from './host-instances.js';
import { Ctx, Payload } from '../decorators/param.decorators.js';
import { wasRefused } from './refusals.js';

// Nest logs what no exception filter handles.
const silent: LoggerService = { log() {}, error() {}, warn() {} };

const context = { queue: 'billing' } as AmqpContext;

interface Host {
  readonly providers?: object[];
  readonly controllers?: Type[];
}

type AsyncHandler = (payload: unknown, context: AmqpContext) => Promise<unknown>;

/** The handlers of an application, by `Class.method`. Each one returns a promise, also where the handler does not. */
async function handlersOf(host: Host): Promise<(name: string) => AsyncHandler> {
  const handlers = await bareHandlersOf(host);
  return (name) => {
    const handler = handlers(name);
    return async (...given) => handler(...given);
  };
}

async function bareHandlersOf(host: Host): Promise<(name: string) => MessageHandler> {
  @Module(host as never)
  class HostModule {}

  const app = await Test.createTestingModule({
    imports: [HostModule, DiscoveryModule],
    providers: [ConsumerExplorer, ConsumerMetadataAccessor, HandlerFactory, HostInstances, ProcessingHooks],
  })
    .setLogger(silent)
    .compile();
  await app.init();
  const consumers = app.get(ConsumerExplorer).consumers();
  return (name) => {
    const consumer = consumers.find((candidate) => candidate.host.name === name);
    if (!consumer) throw new Error(`no consumer ${name}`);
    return app.get(HandlerFactory).create(consumer.host);
  };
}

@Injectable()
class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(execution: ExecutionContext): boolean {
    const role = this.reflector.get<string | undefined>('role', execution.getHandler());
    const { queue } = execution.switchToRpc().getContext<AmqpContext>();
    return execution.getType() === 'rpc' && queue === 'billing' && role !== 'nobody';
  }
}

@Injectable()
class Trace implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const where = `${execution.getClass().name}.${execution.getHandler().name}`;
    return next.handle().pipe(map((value) => `${execution.getType()} ${where}: ${String(value)}`));
  }
}

@Injectable()
class Double implements PipeTransform<unknown, number> {
  transform(value: unknown): number {
    return Number(value) * 2;
  }
}

@Catch(RangeError)
class AnswerRangeErrors implements ExceptionFilter {
  catch(error: RangeError): unknown {
    if (error.message === 'handled') return 'handled';
    if (error.message === 'answered with null') return null;
    if (error.message === 'thrown on') return throwError(() => new Error('from the filter'));
    return undefined;
  }
}

const Queue = createParamDecorator(
  (_: unknown, execution: ExecutionContext) => execution.switchToRpc().getContext<AmqpContext>().queue,
);

/** The same methods for a provider and a controller. */
abstract class Methods {
  @AmqpConsumer('a')
  plain(payload: unknown, received: unknown): unknown[] {
    return [payload, received];
  }

  @AmqpConsumer('a')
  decorated(@Ctx() received: unknown, @Payload('id', ParseIntPipe) id: unknown, @Queue() queue: unknown): unknown[] {
    return [received, id, queue];
  }

  @AmqpConsumer('a')
  @UseGuards(RoleGuard)
  allowed(): string {
    return 'allowed';
  }

  @AmqpConsumer('a')
  @UseGuards(RoleGuard)
  @SetMetadata('role', 'nobody')
  denied(): string {
    return 'must not run';
  }

  @AmqpConsumer('a')
  @UseInterceptors(Trace)
  traced(): string {
    return 'done';
  }

  @AmqpConsumer('a')
  @UsePipes(Double)
  doubled(@Payload() payload: unknown): unknown {
    return payload;
  }

  @AmqpConsumer('a')
  @UseFilters(AnswerRangeErrors)
  failing(message: string): never {
    throw new RangeError(message);
  }
}

@Injectable()
class Provider extends Methods {}

@Controller()
class Controlled extends Methods {}

describe.each([
  ['Provider', { providers: [Provider] }],
  ['Controlled', { controllers: [Controlled] }],
])('HandlerFactory with a %s', (name, host) => {
  it('hands payload and context to a method without parameter decorators', async () => {
    const handler = await handlersOf(host);
    await expect(handler(`${name}.plain`)({ id: 1 }, context)).resolves.toEqual([{ id: 1 }, context]);
  });

  it('fills decorated parameters, custom decorators included', async () => {
    const handler = await handlersOf(host);
    const call = handler(`${name}.decorated`);
    await expect(call({ id: '12' }, context)).resolves.toEqual([context, 12, 'billing']);
    await expect(call({ id: 'twelve' }, context)).rejects.toThrow(BadRequestException);
  });

  it('asks guards that are given as classes', async () => {
    const handler = await handlersOf(host);
    await expect(handler(`${name}.allowed`)({}, context)).resolves.toBe('allowed');
    await expect(handler(`${name}.denied`)({}, context)).rejects.toThrow(ForbiddenException);
  });

  it('goes through interceptors that are given as classes', async () => {
    const handler = await handlersOf(host);
    await expect(handler(`${name}.traced`)({}, context)).resolves.toBe(`rpc ${name}.traced: done`);
  });

  it('goes through pipes that are given as classes', async () => {
    const handler = await handlersOf(host);
    await expect(handler(`${name}.doubled`)(21, context)).resolves.toBe(42);
  });

  it('lets filters handle errors, by a value; what they do not handle is thrown', async () => {
    const handler = await handlersOf(host);
    const call = handler(`${name}.failing`);
    await expect(call('handled', context)).resolves.toBe('handled');
    await expect(call('ignored', context)).rejects.toThrow(RangeError);
    await expect(call('answered with null', context)).rejects.toThrow(RangeError);
  });

  it('takes the error that a filter answers with', async () => {
    const handler = await handlersOf(host);
    await expect(handler(`${name}.failing`)('thrown on', context)).rejects.toThrow('from the filter');
  });
});

describe('HandlerFactory', () => {
  it.each([Provider, Controlled])(
    'calls a %p without guards, interceptors and pipes without a promise',
    async (host) => {
      const handler = await bareHandlersOf({ providers: [host] });
      expect(handler(`${host.name}.plain`)({ id: 1 }, context)).toEqual([{ id: 1 }, context]);
      for (const name of ['decorated', 'allowed', 'traced', 'doubled']) {
        expect(handler(`${host.name}.${name}`)({ id: '12' }, context)).toBeInstanceOf(Promise);
      }
    },
  );

  it('knows all steps of the pipeline that a direct call goes without', () => {
    const pipeline = ExternalContextCreator.prototype.create.toString();
    const parts = new Set(Array.from(pipeline.matchAll(/this\.(\w+)/g), ([, name]) => name));
    const known = new Set([
      ...['contextUtils', 'getMetadata', 'modulesContainer', 'getContextModuleKey', 'getHostModuleKey'],
      ...['pipesContextCreator', 'guardsContextCreator', 'filtersContextCreator', 'interceptorsContextCreator'],
      ...['createGuardsFn', 'createPipesFn', 'interceptorsConsumer', 'transformToResult', 'externalErrorProxy'],
    ]);
    expect([...parts].filter((part) => !known.has(part!))).toEqual([]);
  });

  @Injectable()
  class Streams {
    @AmqpConsumer('a')
    several(): Observable<number> {
      return of(1, 2, 3);
    }

    @AmqpConsumer('a')
    async later(): Promise<Observable<number>> {
      return Promise.resolve(of(4));
    }

    @AmqpConsumer('a')
    none(): Observable<never> {
      return EMPTY;
    }

    @AmqpConsumer('a')
    @UseInterceptors(Trace)
    noneIntercepted(): Observable<never> {
      return EMPTY;
    }

    @AmqpConsumer('a')
    broken(): Observable<number> {
      return concat(
        of(1),
        throwError(() => new Error('broke')),
      );
    }
  }

  it('waits for the last value of an Observable', async () => {
    const handler = await handlersOf({ providers: [Streams] });
    await expect(handler('Streams.several')({}, context)).resolves.toBe(3);
    await expect(handler('Streams.later')({}, context)).resolves.toBe(4);
  });

  it('counts an Observable without a value as done', async () => {
    const handler = await handlersOf({ providers: [Streams] });
    await expect(handler('Streams.none')({}, context)).resolves.toBeUndefined();
    await expect(handler('Streams.noneIntercepted')({}, context)).resolves.toMatch(/undefined$/);
  });

  it('fails when the Observable does, after values too', async () => {
    const handler = await handlersOf({ providers: [Streams] });
    await expect(handler('Streams.broken')({}, context)).rejects.toThrow('broke');
  });

  it('applies what is global, to methods without parameter decorators too', async () => {
    const seen: ArgumentMetadata[] = [];
    const pipe: PipeTransform = {
      transform(value: unknown, metadata) {
        seen.push(metadata);
        return metadata.type === 'body' ? 'from the pipe' : value;
      },
    };
    const handler = await handlersOf({
      providers: [Provider, { provide: APP_PIPE, useValue: pipe }, { provide: APP_GUARD, useClass: RoleGuard }],
    });
    await expect(handler('Provider.plain')({}, context)).resolves.toEqual(['from the pipe', context]);
    // 'custom' is what ValidationPipe leaves alone; a context that it "transformed" would be a copy without methods.
    expect(seen.map(({ type }) => type)).toEqual(['body', 'custom']);
    await expect(handler('Provider.plain')({}, { queue: 'other' } as AmqpContext)).rejects.toThrow(ForbiddenException);
  });

  it('waits for what custom decorators promise, and fails with the first that has failed', async () => {
    const Later = createParamDecorator((value: unknown) => Promise.resolve(value));
    const Refused = createParamDecorator(() => Promise.reject(new BadRequestException('refused')));
    const Broken = createParamDecorator((): unknown => {
      throw new RangeError('broken');
    });

    @Injectable()
    class Promised {
      @AmqpConsumer('a')
      both(@Payload() payload: unknown, @Later('later') later: unknown, @Ctx() received: unknown): unknown[] {
        return [payload, later, received];
      }

      @AmqpConsumer('a')
      refused(@Later('later') _later: unknown, @Refused() _refused: unknown): void {}

      @AmqpConsumer('a')
      broken(@Refused() _refused: unknown, @Broken() _broken: unknown): void {}
    }
    const handler = await handlersOf({ providers: [Promised] });
    expect(await handler('Promised.both')(1, context)).toEqual([1, 'later', context]);
    const refused = { ...context } as AmqpContext;
    await expect(handler('Promised.refused')(1, refused)).rejects.toThrow('refused');
    expect(wasRefused(refused)).toBe(true);
    await expect(handler('Promised.broken')(1, context)).rejects.toThrow(/refused|broken/);
  });
});
