import { beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'ts-morph';
import { useAstLibrary } from '../source/ast.js';
import { Workspace } from '../source/workspace.js';
import { migrateAmqplib } from './amqplib.js';
import { AMQPLIB_MODULES } from './roles.js';

beforeAll(() => useAstLibrary(library));

function migrate(files: Record<string, string>) {
  const workspace = Workspace.of(files, AMQPLIB_MODULES);
  migrateAmqplib(workspace);
  const after = Object.fromEntries(workspace.changed().map(({ path, after }) => [path, after]));
  return { files: { ...files, ...after }, changed: Object.keys(after), ...workspace.report };
}

describe('TypeScript', () => {
  it('of a Nest service moves to the client core', () => {
    const { files, left } = migrate({
      '/rabbit.service.ts': `import { Injectable, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import * as amqp from 'amqplib';

@Injectable()
export class RabbitService implements OnModuleInit, OnModuleDestroy {
  private connection: amqp.ChannelModel;
  private channel: amqp.Channel;

  async onModuleInit() {
    this.connection = await amqp.connect(process.env.AMQP_URL, { clientProperties: { connection_name: 'shop' } });
    this.channel = await this.connection.createChannel();
    await this.channel.assertExchange('orders', 'topic', { durable: true });
    const { queue } = await this.channel.assertQueue('billing', { durable: true, deadLetterExchange: 'failed', arguments: { 'x-max-length': 5 } });
    await this.channel.bindQueue(queue, 'orders', 'order.*');
    await this.channel.prefetch(10);
    await this.channel.consume(queue, (message) => this.onMessage(message), { noAck: false });
  }

  send(order: { id: string }): void {
    this.channel.publish('orders', 'order.created', Buffer.from(JSON.stringify(order)), { persistent: true, expiration: 1000 });
  }

  private async onMessage(message: amqp.ConsumeMessage | null) {
    if (!message) return;
    try {
      console.log(JSON.parse(message.content.toString()), message.fields.routingKey, message.properties.headers);
      this.channel.ack(message);
    } catch {
      this.channel.nack(message, false, false);
    }
  }

  async onModuleDestroy() {
    await this.channel?.close();
    await this.connection?.close();
  }
}
`,
    });
    expect(left).toEqual([]);
    expect(files['/rabbit.service.ts'])
      .toBe(`import { Injectable, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Channel, connect, Connection, Delivery } from 'nest-amqp/client';

@Injectable()
export class RabbitService implements OnModuleInit, OnModuleDestroy {
  private connection: Connection;
  private channel: Channel;

  async onModuleInit() {
    this.connection = await connect(process.env.AMQP_URL, { connectionName: 'shop' });
    this.channel = await this.connection.openChannel();
    await this.channel.exchangeDeclare('orders', 'topic', { durable: true });
    const { queue } = await this.channel.queueDeclare('billing', { durable: true, arguments: { 'x-max-length': 5, 'x-dead-letter-exchange': 'failed' } });
    await this.channel.queueBind(queue, 'orders', 'order.*');
    await this.channel.basicQos(10);
    await this.channel.basicConsume(queue, (message) => this.onMessage(message), { noAck: false });
  }

  async send(order: { id: string }): Promise<void> {
    await this.channel.publish('orders', 'order.created', Buffer.from(JSON.stringify(order)), { deliveryMode: 2, expiration: '1000' });
  }

  private async onMessage(message: Delivery | null) {
    if (!message) return;
    try {
      console.log(JSON.parse(message.body.toString()), message.routingKey, message.properties.headers);
      message.ack();
    } catch {
      message.nack({ requeue: false });
    }
  }

  async onModuleDestroy() {
    await this.channel?.close();
    await this.connection?.close();
  }
}
`);
    expect(migrate(files).changed).toEqual([]);
  });
});

describe('JavaScript', () => {
  it('that loads by require moves likewise', () => {
    const { files, left } = migrate({
      '/worker.js': `'use strict';

const amqp = require('amqplib');

async function start() {
  const connection = await amqp.connect({ hostname: process.env.HOST, port: 5672, username: 'guest', password: 'guest' });
  const channel = await connection.createConfirmChannel();
  connection.on('close', () => setTimeout(start, 1000));
  channel.consume('jobs', (msg) => {
    channel.sendToQueue('done', msg.content, { correlationId: msg.properties.correlationId });
    channel.ack(msg);
  });
}

start();
`,
    });
    expect(left).toEqual([]);
    expect(files['/worker.js']).toBe(`'use strict';

const { connect } = require('nest-amqp/client');

async function start() {
  const connection = await connect({ urls: \`amqp://\${process.env.HOST}:5672\`, credentials: { username: 'guest', password: 'guest' } });
  const channel = await connection.openChannel({ confirm: true });
  connection.on('closed', () => setTimeout(start, 1000));
  channel.basicConsume('jobs', async (msg) => {
    await channel.publish('', 'done', msg.body, { correlationId: msg.properties.correlationId });
    msg.ack();
  });
}

start();
`);
  });
});

describe('amqp-connection-manager', () => {
  it('sets its channels up when they are opened', () => {
    const { files, left } = migrate({
      '/queue.ts': `import amqp, { ChannelWrapper } from 'amqp-connection-manager';
import { ConfirmChannel } from 'amqplib';

export class Queue {
  private wrapper: ChannelWrapper;
  async onModuleInit() {
    const connection = amqp.connect(['amqp://localhost'], { heartbeatIntervalInSeconds: 5 });
    this.wrapper = connection.createChannel({
      json: true,
      setup: (channel: ConfirmChannel) => channel.assertQueue('jobs', { durable: true }),
    });
    await this.wrapper.waitForConnect();
  }
  add(job: object) {
    return this.wrapper.sendToQueue('jobs', job, { persistent: true });
  }
}
`,
    });
    expect(left).toEqual([]);
    expect(files['/queue.ts']).toContain("const connection = await connect('amqp://localhost', { heartbeat: 5 });");
    expect(files['/queue.ts']).toContain('await connection.openChannel({ confirm: true }).then(async (opened) => {');
    expect(files['/queue.ts']).toContain("channel.queueDeclare('jobs', { durable: true })");
    expect(files['/queue.ts']).toContain("publish('', 'jobs', JSON.stringify(job), { deliveryMode: 2 })");
    expect(files['/queue.ts']).not.toContain('amqplib');
  });
});

it('leaves files that belong together alone when one of them is not understood', () => {
  const { changed, left } = migrate({
    '/connect.ts': `import * as amqp from 'amqplib';
export const connection = await amqp.connect('amqp://localhost');
export const channel = await connection.createChannel();
`,
    '/send.ts': `import { channel } from './connect';
export const send = (body: Buffer): boolean => channel.publish('x', 'y', body);
`,
  });
  expect(changed).toEqual([]);
  expect(left).toEqual([{ file: '/send.ts', line: 2, text: expect.stringContaining('the boolean of a publish') }]);
});

it('follows connections through require, and changes no file by half', () => {
  const rabbit = `const amqp = require('amqplib');
let connection;
const getConnection = async () => (connection ??= await amqp.connect('amqp://localhost'));
module.exports = { getConnection };
`;
  const send = `const { getConnection } = require('./rabbit');
exports.send = async (body) => {
  const channel = await (await getConnection()).createChannel();
  channel.sendToQueue('q', body);
};
`;
  const moved = migrate({ '/rabbit.js': rabbit, '/send.js': send });
  expect(moved.left).toEqual([]);
  expect(moved.files['/send.js']).toContain(`const channel = await (await getConnection()).openChannel();
  await channel.publish('', 'q', body);`);

  const unclear = send.replace('await getConnection()', 'await pool.take(getConnection)');
  const { changed, left } = migrate({ '/rabbit.js': rabbit, '/send.js': unclear });
  expect(changed).toEqual([]);
  expect(left.map(({ file, line }) => [file, line])).toEqual([
    ['/send.js', 3],
    ['/send.js', 4],
  ]);
});

it('follows promises by then(), and leaves methods of the same name alone', () => {
  const { files, left } = migrate({
    '/send.ts': `import amqp from 'amqplib';
export class Sender {
  channel: amqp.Channel | undefined;
  start() {
    return amqp
      .connect('amqp://localhost')
      .then((connection) => {
        connection.on('close', (error) => this.restart(error));
        return connection.createChannel();
      })
      .then((channel) => {
        this.channel = channel;
        return channel.assertQueue('jobs');
      });
  }
  createChannel() {}
  restart(error: unknown) {
    this.createChannel();
  }
}
`,
  });
  expect(left).toEqual([]);
  expect(files['/send.ts']).toContain(`    return connect('amqp://localhost')
      .then((connection) => {
        connection.on('closed', (error) => this.restart(error));
        return connection.openChannel();
      })
      .then((channel) => {
        this.channel = channel;
        return channel.queueDeclare('jobs');
      });`);
  expect(files['/send.ts']).toContain('this.createChannel();');
});

it('gives the function of the client another name where the file uses its own', () => {
  const { files, left } = migrate({
    '/consumer.js': `const amqp = require('amqplib');
async function connect() {
  return amqp.connect('amqp://localhost');
}
connect();
`,
  });
  expect(left).toEqual([]);
  expect(files['/consumer.js']).toContain("const { connect: amqpConnect } = require('nest-amqp/client');");
  expect(files['/consumer.js']).toContain("return amqpConnect('amqp://localhost');");
});
