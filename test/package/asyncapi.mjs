/** Makes the document of an application from the installed package, and serves it. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule } from 'nest-amqp';
import { AmqpAsyncApi } from 'nest-amqp/asyncapi';

class Billing {
  onOrder() {}
}
const { prototype } = Billing;
AmqpConsumer('billing')(prototype, 'onOrder', Object.getOwnPropertyDescriptor(prototype, 'onOrder'));
class AppModule {}
// Nobody listens on port 1.
const amqp = AmqpModule.forRoot({ url: 'amqp://127.0.0.1:1', startup: 'background' });
Module({ imports: [amqp], providers: [Billing] })(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
AmqpAsyncApi.setup(app, '/asyncapi');
await app.listen(0, '127.0.0.1');
const url = `${await app.getUrl()}/asyncapi`;
const { operations } = await (await fetch(`${url}-json`)).json();
const page = await (await fetch(url)).text();
await app.close();
if (!('Billing.onOrder.billing' in operations)) throw new Error(`operations: ${Object.keys(operations)}`);
if (!page.includes('install <code>@asyncapi/web-component')) throw new Error(page);
