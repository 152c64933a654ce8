/**
 * Proves that what would be published works: packs it, installs the tarball in an empty folder next to Nest 12, imports
 * every entry point (ESM, and through require), and runs a publish and a consume. Needs a broker at AMQP_URL.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

if (!process.env.AMQP_URL) throw new Error('AMQP_URL is not set: run it through with-broker (npm run test:package)');

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'));
const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-package-'));
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });

const consume = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, classicQueue } from 'nest-amqp';

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
await app.close();
if (payload.hello !== 'tarball' || !receipt.messageId) throw new Error('consumed ' + JSON.stringify(payload));
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

try {
  const tarball = join(
    folder,
    JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder]).toString())[0].filename,
  );
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const nest = ['@nestjs/common@12', '@nestjs/core@12', 'reflect-metadata', 'rxjs'];
  run('npm', ['install', '--no-fund', '--no-audit', tarball, ...nest], { cwd: folder });
  for (const entry of entries) {
    const name = join(manifest.name, entry);
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
  console.log(`${entries.length + Object.keys(manifest.bin).length + 2} passed, 0 failed`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
