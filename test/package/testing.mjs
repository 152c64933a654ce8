/** Parks a message after an hour of virtual time, in a test of @nestjs/testing. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AmqpConsumer, AmqpModule, classicQueue, fixed } from 'nest-amqp';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';

class Consumer {
  onMessage() {
    throw new Error('not today');
  }
}
const retry = { attempts: 2, backoff: fixed('1h') };
AmqpConsumer('work', { retry })(
  Consumer.prototype,
  'onMessage',
  Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage'),
);
class AppModule {}
Module({
  imports: [AmqpModule.forRoot({ url: '', topology: { queues: [classicQueue('work')] } })],
  providers: [Consumer],
})(AppModule);

const module = await Test.createTestingModule({ imports: [AppModule, AmqpTestingModule.forRoot()] }).compile();
module.useLogger(false);
await module.init();
const { result, attempts, error } = await module.get(AmqpHarness).deliver('work', {});
await module.close();
if (result !== 'parked' || attempts !== 2 || error.message !== 'not today') throw new Error(result + attempts + error);
