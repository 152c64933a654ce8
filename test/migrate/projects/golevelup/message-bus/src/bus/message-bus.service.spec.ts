import 'reflect-metadata';
import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Test } from '@nestjs/testing';
import { MessageBus } from './message-bus.service';

describe('MessageBus', () => {
  let bus: MessageBus;
  let amqp: AmqpConnection;

  beforeEach(async () => {
    const module = await Test.createTestingModule({
      providers: [MessageBus, { provide: AmqpConnection, useValue: { publish: jest.fn(async () => true) } }],
    }).compile();
    bus = module.get(MessageBus);
    amqp = module.get<AmqpConnection>(AmqpConnection);
  });

  it('publishes each event under its type', async () => {
    await bus.publishAll([
      { type: 'a', payload: { n: 1 } },
      { type: 'b', payload: { n: 2 } },
    ]);
    expect(amqp.publish).toHaveBeenCalledTimes(2);
    expect(amqp.publish).toHaveBeenCalledWith('domain-events', 'b', { n: 2 }, expect.objectContaining({ type: 'b' }));
  });
});
