import {
  BadRequestException,
  Controller,
  HttpException,
  UseGuards,
  UsePipes,
  type CanActivate,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { fixed, HandlerTimeoutError, RejectMessage, type ConsumerFailure } from 'nest-amqp';
import { AmqpRpcContext, AmqpServer, type AmqpTransportOptions } from 'nest-amqp/microservices';
import type { Delivery } from 'nest-amqp/client';
import { errorOf, eventually } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();
/** Short delays, with a queue that `harness.name()` deletes. */
const retry = { attempts: 3, backoff: fixed(20) };

/** Serves the controller, and collects its `failures$`. */
async function serve(controller: Type, options: AmqpTransportOptions = {}) {
  const queue = options.queue ?? harness.name();
  const server = new AmqpServer({ urls: harness.url, queue, noAck: false, retry, ...options });
  const failures = new Inbox<ConsumerFailure>();
  server.failures$.subscribe(failures.add);
  await harness.serve([controller], server);
  return { queue, failures, client: harness.client({ queue }) };
}

const taken = (queue: string): Promise<Delivery> => eventually(() => harness.channel.basicGet(queue, { noAck: true }));

/** Returns the last failure that the parked message records. */
async function parkedReason(queue: string): Promise<{ failed: unknown; message: unknown; stack: unknown }> {
  const { properties } = await taken(`${queue}.parked`);
  const history = properties.headers!['x-nest-amqp-retry'] as Record<string, never>;
  const { message, stack } = history['last-failure']! as Record<string, unknown>;
  return { failed: history['failed'], message, stack };
}

class Refusing implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class Throwing implements CanActivate {
  constructor(private readonly error: () => unknown) {}

  canActivate(): boolean {
    throw this.error();
  }
}

class RefusingPipe implements PipeTransform {
  transform(): never {
    throw new BadRequestException(['id must be a text', 'total must be positive']);
  }
}

describe('An event', () => {
  it.each<[string, MethodDecorator, string]>([
    ['a guard', UseGuards(Refusing), 'RpcException: Forbidden resource'],
    ['a guard by an HttpException', UseGuards(new Throwing(() => new HttpException('no', 403))), 'HttpException: no'],
    ['a pipe', UsePipes(RefusingPipe), 'BadRequestException: Bad Request Exception (id must be a text; total must be positive)'], // prettier-ignore
  ])('N1 1.8: that %s refuses is parked at once, with the real reason', async (_, decorator, reason) => {
    @Controller()
    class Service {
      @EventPattern<string>('told')
      @(decorator as MethodDecorator)
      told(@Payload() _data: unknown): void {}
    }
    const { queue, failures, client } = await serve(Service);
    await lastValueFrom(client.emit('told', { id: 1 }));
    expect(await failures.next()).toMatchObject({ attempt: 1, decision: 'park', reason });
    expect(await parkedReason(queue)).toMatchObject({ failed: 1, message: reason });
    expect(harness.lines.with(reason)).toHaveLength(1);
  });

  it.each([408, 425, 429, 503])('that a guard refuses temporarily (%i) is retried', async (status) => {
    let asked = 0;

    @Controller()
    class Service {
      @EventPattern<string>('told')
      @UseGuards(new Throwing(() => (asked++, new HttpException('later', status))))
      told(_data: unknown): void {}
    }
    const { failures, client } = await serve(Service);
    await lastValueFrom(client.emit('told', 1));
    expect((await failures.take(3)).map(({ decision }) => decision)).toEqual(['retry', 'retry', 'park']);
    expect(asked).toBe(3);
  });

  it("N1 1.8: a handler's own error is reported with its name, its causes and its stack, and is retried", async () => {
    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(_data: unknown): void {
        throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
      }
    }
    const { queue, failures, client } = await serve(Service);
    await lastValueFrom(client.emit('told', 1));
    expect((await failures.take(3)).map(({ decision }) => decision)).toEqual(['retry', 'retry', 'park']);
    const reason = 'TypeError: fetch failed ← Error: connect ECONNREFUSED';
    expect(await parkedReason(queue)).toEqual({ failed: 3, message: reason, stack: expect.stringContaining('told') });
    // The stack is told twice only; the pattern is told each time.
    expect(harness.lines.with(`failed in AmqpServer, pattern 'told', attempt `)).toHaveLength(3);
    expect(harness.lines.with(`attempt 1 of 3: ${reason}`)[0]).toContain('\n    at ');
  });

  it('RejectMessage rejects, with or without an RpcException around it', async () => {
    @Controller()
    class Service {
      @EventPattern<string>('told')
      told(_data: unknown): void {
        throw new RejectMessage('nothing to do');
      }
    }
    const { queue, failures, client } = await serve(Service);
    await lastValueFrom(client.emit('told', 1));
    expect(await failures.next()).toMatchObject({ decision: 'dead-letter', reason: 'RejectMessage: nothing to do' });
    expect(await harness.ready(queue)).toBe(0);
  });

  it('N1 1.7: a packet with an id and no reply-to is an event', async () => {
    @Controller()
    class Service {
      @MessagePattern('asked')
      asked(_data: unknown): never {
        throw new RpcException('no such order');
      }
    }
    const { queue, failures } = await serve(Service);
    await harness.channel.publish('', queue, JSON.stringify({ pattern: 'asked', data: 1, id: '7' }));
    expect((await failures.take(3)).map(({ decision }) => decision)).toEqual(['retry', 'retry', 'park']);
    expect(await parkedReason(queue)).toMatchObject({ failed: 3, message: 'RpcException: no such order' });
  });

  it('N2 2.4: fails when its handler takes longer than `timeout`', async () => {
    const aborted = new Inbox<unknown>();

    @Controller()
    class Service {
      @EventPattern<string>('told')
      async told(@Payload() _data: unknown, @Ctx() { signal }: AmqpRpcContext): Promise<void> {
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
        });
        aborted.add(signal.reason);
      }

      @MessagePattern('asked')
      asked(_data: unknown): Promise<never> {
        return new Promise(() => {});
      }
    }
    const { failures, client } = await serve(Service, { timeout: 100, retry: false });
    await lastValueFrom(client.emit('told', 1));
    expect(await failures.next()).toMatchObject({ decision: 'park', cause: expect.any(HandlerTimeoutError) });
    expect(await aborted.next()).toBeInstanceOf(HandlerTimeoutError);
    expect(await errorOf(firstValueFrom(client.send('asked', 1)))).toMatchObject({
      message: expect.stringContaining('did not return within 100 ms'),
    });
  });
});
