import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { RabbitService } from '../src/rabbit.service';

it('handles orders, and dead-letters others', async () => {
  const module = await Test.createTestingModule({ providers: [RabbitService] }).compile();
  await module.init();
  const rabbit = module.get(RabbitService);
  await rabbit.publish('order.created', { id: 'o1' });
  await rabbit.publish('order.created', { item: 'lamp' });
  await eventually(() => expect(rabbit.handled).toEqual([{ id: 'o1' }]));
  await eventually(async () => expect(await rabbit.dead()).toBe('{"item":"lamp"}'));
  await module.close();
});
