/**
 * Proves that what would be published works: packs it, installs the tarball in an empty folder next to Nest 12, imports
 * every entry point (ESM, and through require), and runs a publish and a consume, and a request and its reply. Needs a broker at AMQP_URL.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

if (!process.env.AMQP_URL) throw new Error('AMQP_URL is not set: run it through with-broker (npm run test:package)');

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'));
/** Entry points that need more than the others, and what. */
const optional = { './microservices': ['@nestjs/microservices@12'] };
const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-package-'));
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });

const consume = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, classicQueue } from 'nest-amqp';
import { MessageReturnedError } from 'nest-amqp/client';

const queue = 'package-check-' + process.pid;
const received = Promise.withResolvers?.() ?? (() => {
  const ends = {};
  ends.promise = new Promise((resolve) => { ends.resolve = resolve; });
  return ends;
})();
class Consumer { onMessage(payload) { received.resolve(payload); } }
// What a TypeScript compiler makes of the decorators.
AmqpConsumer(queue)(Consumer.prototype, 'onMessage', Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage'));
class AppModule {}
Module({
  imports: [AmqpModule.forRoot({ url: process.env.AMQP_URL, topology: { queues: [classicQueue(queue, { autoDelete: true })] } })],
  providers: [Consumer],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
const receipt = await app.get(ConfirmingPublisher).sendToQueue(queue, { hello: 'tarball' });
const payload = await received.promise;
const unroutable = await app.get(ConfirmingPublisher).sendToQueue(queue + '-missing', {}).catch((error) => error);
await app.close();
if (!(unroutable instanceof MessageReturnedError)) throw new Error('nest-amqp/client has error classes of its own');
if (payload.hello !== 'tarball' || !receipt.messageId) throw new Error('consumed ' + JSON.stringify(payload));
`;

const transport = `
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { firstValueFrom } from 'rxjs';

const options = { urls: [process.env.AMQP_URL], queue: 'package-check-transport-' + process.pid, retry: { attempts: 1, then: 'discard' }, queueOptions: { autoDelete: true }, noAck: false };
class Service { double(n) { return 2 * n; } }
MessagePattern('double')(Service.prototype, 'double', Object.getOwnPropertyDescriptor(Service.prototype, 'double'));
Controller()(Service);
class AppModule {}
Module({ controllers: [Service] })(AppModule);

const app = await NestFactory.createMicroservice(AppModule, { strategy: new AmqpServer(options), logger: ['warn', 'error'] });
await app.listen();
const { retry, noAck, ...rest } = options;
const client = new AmqpClientProxy(rest);
const answer = await firstValueFrom(client.send('double', 21));
await client.close();
await app.close();
if (answer !== 42) throw new Error('got ' + answer);
`;

const embedded = `
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';

const broker = await EmbeddedBroker.start({ port: 0 });
const connection = await connect(broker.url);
const channel = await connection.openChannel({ confirm: true });
await channel.queueDeclare('q');
await channel.publish('', 'q', 'hello', { mandatory: true });
const text = (await channel.basicGet('q', { noAck: true })).text();
await connection.close();
await broker.close();
if (text !== 'hello') throw new Error('got ' + text);
`;

const testing = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AmqpConsumer, AmqpModule, classicQueue, fixed } from 'nest-amqp';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';

class Consumer { onMessage() { throw new Error('not today'); } }
const retry = { attempts: 2, backoff: fixed('1h') };
AmqpConsumer('work', { retry })(Consumer.prototype, 'onMessage', Object.getOwnPropertyDescriptor(Consumer.prototype, 'onMessage'));
class AppModule {}
Module({ imports: [AmqpModule.forRoot({ url: '', topology: { queues: [classicQueue('work')] } })], providers: [Consumer] })(AppModule);

const module = await Test.createTestingModule({ imports: [AppModule, AmqpTestingModule.forRoot()] }).compile();
module.useLogger(false);
await module.init();
const { result, attempts, error } = await module.get(AmqpHarness).deliver('work', {});
await module.close();
if (result !== 'parked' || attempts !== 2 || error.message !== 'not today') throw new Error(result + attempts + error);
`;

try {
  const tarball = join(
    folder,
    JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder]).toString())[0].filename,
  );
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const nest = ['@nestjs/common@12', '@nestjs/core@12', 'reflect-metadata', 'rxjs'];
  const install = (...packages) => run('npm', ['install', '--no-fund', '--no-audit', ...packages], { cwd: folder });
  install(tarball, ...nest);
  // What needs an optional peer comes last, so that the others are seen to do without it.
  for (const entry of [...entries.filter((entry) => !(entry in optional)), ...Object.keys(optional)]) {
    const name = join(manifest.name, entry);
    if (entry in optional) install(...optional[entry]);
    run(
      'node',
      [
        '--input-type=module',
        '-e',
        `import 'reflect-metadata'; if (!Object.keys(await import('${name}')).length) throw new Error('empty')`,
      ],
      { cwd: folder },
    );
    run(
      'node',
      [
        '--input-type=commonjs',
        '-e',
        `require('reflect-metadata'); if (!Object.keys(require('${name}')).length) throw new Error('empty')`,
      ],
      { cwd: folder },
    );
    console.log(`ok: import and require of ${name}`);
  }
  for (const name of Object.keys(manifest.bin)) {
    const usage = run(join(folder, 'node_modules/.bin', name), ['--help'], { cwd: folder }).toString();
    if (!usage.startsWith('usage:')) throw new Error(`${name} --help said: ${usage}`);
    console.log(`ok: the command ${name}`);
  }
  writeFileSync(join(folder, 'embedded.mjs'), embedded);
  run('node', ['embedded.mjs'], { cwd: folder, timeout: 60_000 });
  console.log('ok: a message through the embedded broker');
  writeFileSync(join(folder, 'consume.mjs'), consume);
  run('node', ['consume.mjs'], { cwd: folder, timeout: 60_000 });
  console.log('ok: a message published with a confirm and consumed, by the packed package');
  writeFileSync(join(folder, 'transport.mjs'), transport);
  run('node', ['transport.mjs'], { cwd: folder, timeout: 60_000 });
  console.log('ok: a request answered by the microservice transport, without amqplib');
  install('@nestjs/testing@12');
  writeFileSync(join(folder, 'testing.mjs'), testing);
  run('node', ['testing.mjs'], { cwd: folder, timeout: 60_000 });
  console.log('ok: a message parked after an hour that took no time, in a test of @nestjs/testing');
  console.log(`${entries.length + Object.keys(manifest.bin).length + 4} passed, 0 failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
