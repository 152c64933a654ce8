import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstValueFrom, timeout } from 'rxjs';
import { fixed } from 'nest-amqp';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { startRabbitMq, type RabbitMq } from '../support/rabbitmq.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();
const retry = { attempts: 3, backoff: fixed(20) };

describe('A reply that is larger than the broker allows', () => {
  let rabbit: RabbitMq;
  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local', config: { max_message_size: 10_000 } });
  });
  afterAll(() => rabbit?.stop());

  it('N1 1.6: is replaced by an error; other requests are answered, and each is handled once', async () => {
    const calls: number[] = [];

    @Controller()
    class Service {
      @MessagePattern('asked')
      asked(@Payload() size: number): string {
        calls.push(size);
        return 'x'.repeat(size);
      }
    }
    await harness.serve([Service], new AmqpServer({ urls: rabbit.url, queue: 'service', noAck: false, retry }));
    const client = new AmqpClientProxy({ urls: rabbit.url, queue: 'service' });
    const ask = (size: number): Promise<string> =>
      firstValueFrom(client.send<string>('asked', size).pipe(timeout(20_000)));
    const [small, large, ...others] = await Promise.allSettled([10, 20_000, 30_000, 40_000, 11].map(ask));
    expect(small).toMatchObject({ value: 'x'.repeat(10) });
    expect(large).toMatchObject({ reason: { message: expect.stringContaining('the broker refused the reply') } });
    expect(others.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(calls.toSorted((a, b) => a - b)).toEqual([10, 11, 20_000, 30_000, 40_000]);
    await client.close();
  });
});
