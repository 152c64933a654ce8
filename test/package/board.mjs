/** Serves the page of the board from the installed package, in front of an embedded broker. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpModule } from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { EmbeddedBroker } from 'nest-amqp/broker';

const broker = await EmbeddedBroker.start();
class AppModule {}
Module({ imports: [AmqpModule.forRoot(broker.url), AmqpBoardModule.forRoot()] })(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const url = `${await app.getUrl()}/amqp`;
const served = [];
for (const path of ['', '/start.js', '/board.js', '/board.css']) {
  const response = await fetch(url + path);
  served.push(response.status, (await response.text()).length > 100);
}
await app.close();
await broker.close();
if (served.join() !== '200,true,200,true,200,true,200,true') throw new Error(`served ${served.join()}`);
