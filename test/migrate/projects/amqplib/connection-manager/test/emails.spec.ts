import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { ConsumerService } from '../src/consumer.service';
import { ProducerService } from '../src/producer.service';

it('sends a mail', async () => {
  const module = await Test.createTestingModule({ providers: [ConsumerService, ProducerService] }).compile();
  module.useLogger(false);
  await module.init();
  await module.get(ProducerService).addToEmailQueue({ to: 'ada', subject: 'hello' });
  await eventually(() => expect(module.get(ConsumerService).sent).toEqual(['ada: hello']));
  await module.close();
});
