/** Answers a request by the microservice transport, without amqplib. */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { firstValueFrom } from 'rxjs';

const shared = {
  urls: [process.env.AMQP_URL],
  queue: `package-check-transport-${process.pid}`,
  queueOptions: { autoDelete: true },
};
class Service {
  double(n) {
    return 2 * n;
  }
}
MessagePattern('double')(Service.prototype, 'double', Object.getOwnPropertyDescriptor(Service.prototype, 'double'));
Controller()(Service);
class AppModule {}
Module({ controllers: [Service] })(AppModule);

const app = await NestFactory.createMicroservice(AppModule, {
  strategy: new AmqpServer({ ...shared, retry: { attempts: 1, then: 'discard' }, noAck: false }),
  logger: ['warn', 'error'],
});
await app.listen();
const client = new AmqpClientProxy(shared);
const answer = await firstValueFrom(client.send('double', 21));
await client.close();
await app.close();
if (answer !== 42) throw new Error('got ' + answer);
