import { Injectable } from '@nestjs/common';
import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpModule, AmqpRpc, quorumQueue, type AmqpContext } from 'nest-amqp';
import { errorOf } from '../client/support/client-harness.js';
import { publisherOf, useNest } from '../nest/support/nest-harness.js';
import { Inbox } from '../support/inbox.js';
import { useTracing } from './support/tracing.js';

describe('error.type of the Nest layer’s spans', () => {
  const nest = useNest();
  const tracing = useTracing();

  async function errorTypeOf(name: string): Promise<unknown> {
    const { attributes, status } = await tracing.span(name);
    expect(status.code).toBe(SpanStatusCode.ERROR);
    return attributes['error.type'];
  }

  it('tells a handler that has exceeded its timeout, and a message that it cannot decode', async () => {
    const [slow, broken] = [nest.name('slow'), nest.name('broken')];

    @Injectable()
    class Billing {
      @AmqpConsumer(slow, { timeout: 20, retry: false })
      onOrder(_: unknown, { signal }: AmqpContext): Promise<void> {
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      }

      @AmqpConsumer(broken, { retry: false })
      onBroken(): void {}
    }

    const topology = { queues: [quorumQueue(slow), quorumQueue(broken)] };
    await nest.start({ providers: [Billing] }, { topology });
    await nest.channel.publish('', slow, '1', { contentType: 'application/json' });
    await nest.channel.publish('', broken, '{', { contentType: 'application/json' });
    expect(await errorTypeOf(`process ${slow}`)).toBe('HandlerTimeoutError');
    expect(await errorTypeOf(`process ${broken}`)).toBe('UndecodableMessageError');
  });

  it('tells a handler whose channel was lost', async () => {
    const { proxy, url } = await nest.proxy();
    const queue = nest.name('lost');
    const begun = new Inbox<string>();
    let end = (): void => {};
    const untilEnd = new Promise<void>((resolve) => (end = resolve));

    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { retry: false })
      async onOrder(): Promise<void> {
        begun.add('one');
        await untilEnd;
      }
    }

    const amqp = AmqpModule.forRoot({ url, topology: { queues: [quorumQueue(queue)] } });
    await nest.start({ imports: [amqp], providers: [Billing] });
    await nest.channel.publish('', queue, '1', { contentType: 'application/json' });
    await begun.next();
    proxy.cut();
    expect(await errorTypeOf(`process ${queue}`)).toBe('StaleDeliveryError');
    end();
  });

  it('tells a request without an answer in time, and the error of the other side', async () => {
    const [silent, prices] = [nest.name('silent'), nest.name('prices')];

    @Injectable()
    class Prices {
      @AmqpRpc(prices)
      price(): never {
        throw new RangeError('no such article');
      }
    }

    const topology = { queues: [quorumQueue(silent), quorumQueue(prices)] };
    const app = await nest.start({ providers: [Prices] }, { topology });
    await errorOf(publisherOf(app).request('', silent, 1, { timeout: 50 }));
    await errorOf(publisherOf(app).request('', prices, 1));
    expect(await errorTypeOf(`request ${silent}`)).toBe('RpcTimeoutError');
    expect(await errorTypeOf(`request ${prices}`)).toBe('RpcRemoteError');
    expect(await errorTypeOf(`process ${prices}`)).toBe('RangeError');
  });
});
