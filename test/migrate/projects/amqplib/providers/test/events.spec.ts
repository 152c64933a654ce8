import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AmqpModule } from '../src/amqp.module';
import { EventBus } from '../src/event-bus';
import { Subscriber } from '../src/subscriber';

it('tells its subscriber', async () => {
  const app = await NestFactory.createApplicationContext(AmqpModule, { logger: ['error'] });
  await app.get(EventBus).emit('user.created', { id: 1 });
  await eventually(() => expect(app.get(Subscriber).received).toEqual([['user.created', { id: 1 }]]));
  await app.close();
});
