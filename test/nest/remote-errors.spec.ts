import {
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  NotFoundException,
  Param,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { RpcException } from '@nestjs/microservices';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AmqpModule, AmqpRpc, classicQueue, ConfirmingPublisher, Payload, RpcRemoteErrorFilter } from 'nest-amqp';
import { useNest } from './support/nest-harness.js';

const ERRORS: Readonly<Record<string, () => Error>> = {
  missing: () => new NotFoundException('no such item'),
  text: () => new HttpException('sold out', 410),
  object: () => new HttpException({ code: 'SOLD_OUT' }, 409),
  rpc: () => new RpcException({ message: 'no stock', status: 422, shelf: 'A7' }),
  success: () => new RpcException({ message: 'odd', statusCode: 200 }),
  plain: () => new RpcException('no stock'),
  internal: () => new Error('select * from cards'),
};

describe('RpcRemoteErrorFilter', () => {
  const nest = useNest();
  let app: INestApplication;
  let outer: string;
  let origin: string;

  beforeEach(async () => {
    const inner = nest.name('inner');
    outer = nest.name('outer');

    @Injectable()
    class Prices {
      constructor(private readonly publisher: ConfirmingPublisher) {}

      @AmqpRpc(inner)
      price(@Payload() what: string): never {
        throw ERRORS[what]!();
      }

      @AmqpRpc(outer, { errors: 'message' })
      total(@Payload() what: string): Promise<unknown> {
        return this.publisher.request('', inner, what);
      }
    }

    @Controller()
    class Shop {
      constructor(private readonly publisher: ConfirmingPublisher) {}

      @Get(':what')
      ask(@Param('what') what: string): Promise<unknown> {
        return this.publisher.request('', inner, what);
      }
    }

    @Module({
      imports: [
        AmqpModule.forRoot({ url: nest.rabbit.url, topology: { queues: [classicQueue(inner), classicQueue(outer)] } }),
      ],
      controllers: [Shop],
      providers: [Prices, { provide: APP_FILTER, useClass: RpcRemoteErrorFilter }],
    })
    class ShopModule {}

    app = nest.adopt(await NestFactory.create(ShopModule, { logger: nest.lines, abortOnError: false }));
    await app.listen(0, '127.0.0.1');
    origin = await app.getUrl();
  });

  const ask = async (what: string): Promise<[number, unknown]> => {
    const response = await fetch(`${origin}/${what}`);
    return [response.status, await response.json()];
  };

  it('answers with the status of the remote exception, and with what it says', async () => {
    expect(await ask('missing')).toEqual([404, expect.objectContaining({ statusCode: 404, message: 'no such item' })]);
    expect(await ask('text')).toEqual([410, { statusCode: 410, message: 'sold out' }]);
    expect(await ask('object')).toEqual([409, { code: 'SOLD_OUT' }]);
    expect(await ask('rpc')).toEqual([422, { statusCode: 422, message: 'no stock' }]);
    expect(nest.lines.with('RpcRemoteErrorFilter')).toEqual([]);
  });

  it('answers with 502 and the id where the remote service hides its error, and logs it', async () => {
    const [status, body] = await ask('internal');
    const { errorId } = body as { errorId: string };
    expect([status, body]).toEqual([502, { statusCode: 502, message: 'Bad Gateway', errorId: expect.any(String) }]);
    expect(nest.lines.with(`A remote handler has failed: RpcRemoteError: internal error ${errorId}`)).toHaveLength(1);
    expect(nest.lines.with(`told as internal error ${errorId}`)).toHaveLength(1);
  });

  it('answers with 502 where the remote error has no status of an error', async () => {
    const body = { statusCode: 502, message: 'Bad Gateway' };
    expect(await ask('plain')).toEqual([502, body]);
    expect(await ask('success')).toEqual([502, body]);
  });

  it('throws the error on in a handler of requests', async () => {
    const asking = app.get(ConfirmingPublisher).request('', outer, 'missing');
    await expect(asking).rejects.toMatchObject({ remoteName: 'RpcRemoteError', message: 'no such item' });
  });
});
