import { Test, type TestingModule } from '@nestjs/testing';
import { ConfirmingPublisher, MessageReturnedError } from 'nest-amqp';
import * as core from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { OrdersModule } from './orders';

describe('orders', () => {
  let testing: TestingModule;

  beforeAll(async () => {
    testing = await Test.createTestingModule({ imports: [OrdersModule, AmqpTestingModule.forRoot()] }).compile();
    await testing.init();
  });
  afterAll(() => testing.close());

  it('are consumed', async () => {
    const outcome = await testing.get(AmqpHarness).deliver('orders', { id: 7 });
    expect(outcome).toMatchObject({ result: 'acked', attempts: 1 });
  });

  it('fail with an error of which there is one class', async () => {
    const sent = testing.get(ConfirmingPublisher).sendToQueue('nowhere', { id: 7 });
    const error: unknown = await sent.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MessageReturnedError);
    expect(error).toBeInstanceOf(core.MessageReturnedError);
  });
});
