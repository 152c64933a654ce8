import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { Collector } from './telemetry/collector.js';
import { treeOf } from './telemetry/trace-tree.js';

const broker = process.env['AMQP_URL'] ? undefined : await EmbeddedBroker.start();
const collector = await Collector.start();
const env = {
  ...process.env,
  AMQP_URL: process.env['AMQP_URL'] || broker?.url,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
};

/** Starts a service in a process of its own, and waits until it is ready. */
async function start(service: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(`${service}/main.js`, import.meta.url)), { env });
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`${service} ended with code ${code}`);
  });
  await once(child, 'message');
  return child;
}

const billing = await start('billing');
const shop = await start('shop');
const [news] = (await once(shop, 'message')) as [string];
// A service ends when it is disconnected, and then sends its last spans.
for (const service of [shop, billing]) {
  const ended = once(service, 'exit');
  service.disconnect();
  await ended;
}
console.log(`${news}. Its trace:\n`);
console.log(treeOf(collector.spans));
collector.close();
await broker?.close();
