import 'reflect-metadata';
import { Test, type TestingModule } from '@nestjs/testing';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppModule } from '../src/app.module.js';
import { Mailer } from '../src/mailer.js';
import { SignUps } from '../src/sign-ups.service.js';

const ada = { id: '1', email: 'ada@example.org' };

describe('welcoming users', () => {
  const send = vi.fn<Mailer['send']>();
  let module: TestingModule;
  let harness: AmqpHarness;

  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [AppModule, AmqpTestingModule.forRoot()] })
      .overrideProvider(Mailer)
      .useValue({ send })
      .compile();
    module.useLogger(false);
    await module.init();
    harness = module.get(AmqpHarness);
  });
  afterAll(() => module.close());
  beforeEach(() => {
    harness.clear();
    send.mockReset();
  });

  it('publishes a user who has signed up', async () => {
    const user = await module.get(SignUps).signUp('ada@example.org');
    expect(harness.published({ exchange: 'users', routingKey: 'user.signed-up' })).toMatchObject([
      { payload: user, properties: { messageId: user.id }, queues: ['welcome'] },
    ]);
  });

  it('welcomes a user who has signed up, from publish to mail', async () => {
    await module.get(SignUps).signUp('ada@example.org');
    await harness.idle();
    expect(send).toHaveBeenCalledWith('ada@example.org', 'Welcome!');
  });

  it('publishes an event for other services', async () => {
    expect(await harness.deliver('welcome', ada)).toMatchObject({ result: 'acked', attempts: 1 });
    expect(
      harness.published({ routingKey: 'user.welcomed', payload: expect.objectContaining({ id: '1' }) }),
    ).toHaveLength(1);
  });

  it('retries while the mail server is away, without waiting for the delays', async () => {
    send.mockRejectedValueOnce(new Error('away')).mockRejectedValueOnce(new Error('still away'));
    const outcome = await harness.deliver('welcome', ada);
    expect(outcome).toMatchObject({ result: 'acked', attempts: 3, delays: [60_000, 120_000] });
    expect(send).toHaveBeenCalledTimes(3);
  });

  it('parks the message when the mail server stays away, and publishes no event', async () => {
    send.mockRejectedValue(new Error('away'));
    const outcome = await harness.deliver('welcome', ada);
    expect(outcome).toMatchObject({ result: 'parked', attempts: 4, movedTo: ['welcome.parked'] });
    expect(outcome.error).toEqual(new Error('away'));
    expect(harness.published()).toEqual([]);
  });

  it('waits a full minute before the second attempt', async () => {
    send.mockRejectedValueOnce(new Error('away'));
    await harness.deliver('welcome', ada, { delays: 'stop' });
    await harness.advance('59s');
    expect(send).toHaveBeenCalledTimes(1);
    await harness.advance('1s');
    expect(send).toHaveBeenCalledTimes(2);
  });

  it('rejects a user without a mail address', async () => {
    expect(await harness.deliver('welcome', { id: '2', email: 'nobody' })).toMatchObject({
      result: 'rejected',
      attempts: 1,
    });
    expect(send).not.toHaveBeenCalled();
  });

  it('rejects the sign-up when the broker refuses the message', async () => {
    harness.broker.faults.nackNext(1, { exchange: 'users' });
    await expect(module.get(SignUps).signUp('ada@example.org')).rejects.toMatchObject({ name: 'PublishNackedError' });
  });
});
