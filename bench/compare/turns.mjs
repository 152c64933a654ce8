/**
 * One process of `run.mjs`: `turns.mjs <case> <dist folder>`. Prints the CPU µs per message of one build: the first quartile of
 * short turns, since load on the machine only adds.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { pathToFileURL } from 'node:url';
import { PATTERN, PAYLOAD } from '../nest/payload.mjs';
import { start } from '../processes.mjs';

const [name, folder] = process.argv.slice(2);
/** Messages of one turn, and messages under way at once. */
const COUNT = 2_000;
const TOGETHER = 500;
const WARM_UP_TURNS = 60;
const TURNS = 300;
const QUEUE = 'compared';
/** Five options of one publish, in an object of its own. */
const OPTIONS = { persistent: true, mandatory: true, priority: 3, type: 'order', headers: { tenant: 'a' } };

const load = (file) => import(pathToFileURL(`${folder}/${file}`).href);

/** Each case returns a function that sends one message and resolves when it is confirmed. */
const cases = {
  async publish(url) {
    const { ConfirmingPublisher } = await load('index.mjs');
    const publisher = (await application(url)).get(ConfirmingPublisher);
    return () => publisher.publish('', QUEUE, PAYLOAD);
  },
  async options(url) {
    const { ConfirmingPublisher } = await load('index.mjs');
    const publisher = (await application(url)).get(ConfirmingPublisher);
    return () => publisher.publish('', QUEUE, PAYLOAD, Object.assign({}, OPTIONS));
  },
  async exchange(url) {
    const { getPublisherToken } = await load('index.mjs');
    const publisher = (await application(url)).get(getPublisherToken(QUEUE), { strict: false });
    return () => publisher.publish(QUEUE, PAYLOAD);
  },
  async emit(url) {
    const { AmqpClientProxy } = await load('microservices.mjs');
    const proxy = new AmqpClientProxy({ urls: [url], queue: QUEUE, noAssert: true, persistent: true });
    await proxy.connect();
    return () =>
      new Promise((resolve, reject) => {
        proxy.emit(PATTERN, PAYLOAD).subscribe({ complete: resolve, error: reject });
      });
  },
};

async function application(url) {
  const { AmqpModule } = await load('index.mjs');
  class AppModule {}
  const publishers = AmqpModule.forFeature([{ publisher: QUEUE, exchange: '' }]);
  Module({ imports: [AmqpModule.forRoot({ url }), publishers] })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
}

/** Sends the messages of one turn. */
function turn(send) {
  return new Promise((resolve, reject) => {
    let [sent, confirmed] = [0, 0];
    const next = () => {
      if (sent++ < COUNT) send().then(taken, reject);
    };
    const taken = () => {
      if (++confirmed === COUNT) resolve();
      else next();
    };
    for (let n = 0; n < TOGETHER; n++) next();
  });
}

const behaviour = { delivery: { size: 16, properties: {} }, consumers: Infinity, echo: false, holdConfirms: 0 };
const sink = start('sink/main.mjs', behaviour);
const { port } = await sink.message(10_000);
const send = await cases[name](`amqp://127.0.0.1:${port}`);
for (let n = 0; n < WARM_UP_TURNS; n++) await turn(send);
const times = [];
for (let n = 0; n < TURNS; n++) {
  const begun = process.cpuUsage();
  await turn(send);
  const { user, system } = process.cpuUsage(begun);
  times.push((user + system) / COUNT);
}
console.log(times.toSorted((a, b) => a - b)[TURNS / 4]);
process.exit(0);
