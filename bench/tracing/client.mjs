/**
 * One measurement in a process of its own: CPU time per message that is published with a confirm, consumed and acknowledged.
 * Arguments: client (`nest-amqp`, `amqplib`); `plain`, `traced` (every span sampled and exported to nowhere) or `measured`
 * (metrics, exported to nowhere once a second); URL; messages.
 */
import { createRequire } from 'node:module';

const [client, mode, url, messages] = process.argv.slice(2);
/** Publishes under way at once. */
const TOGETHER = 200;
const WARM_UP = 4_000;
// What the instrumentation of amqplib patches is what `require` loads.
const require = createRequire(import.meta.url);

if (mode === 'traced') await trace();
if (mode === 'measured') await measure();
const { publish, received, close } = client === 'amqplib' ? await openAmqplib() : await openOurs();
await pass(WARM_UP);
const before = process.cpuUsage();
await pass(Number(messages));
const { user, system } = process.cpuUsage(before);
console.log((user + system) / Number(messages));
await close();
process.exit(0);

async function trace() {
  const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const nowhere = { export: (_, done) => done({ code: 0 }), shutdown: () => Promise.resolve() };
  const spanProcessors = [new BatchSpanProcessor(nowhere, { maxQueueSize: 1_000_000, maxExportBatchSize: 2_048 })];
  const tracerProvider = new NodeTracerProvider({ spanProcessors });
  tracerProvider.register();
  registerInstrumentations({ tracerProvider, instrumentations: [await instrumentation()] });
}

async function measure() {
  const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const nowhere = { export: (_, done) => done({ code: 0 }), forceFlush: async () => {}, shutdown: async () => {} };
  const reader = new PeriodicExportingMetricReader({ exporter: nowhere, exportIntervalMillis: 1_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  registerInstrumentations({ meterProvider, instrumentations: [await instrumentation()] });
}

async function instrumentation() {
  if (client === 'amqplib') {
    const { AmqplibInstrumentation } = require('@opentelemetry/instrumentation-amqplib');
    return new AmqplibInstrumentation();
  }
  const { AmqpInstrumentation } = await import('../../dist/opentelemetry.mjs');
  return new AmqpInstrumentation();
}

async function pass(count) {
  const all = received(count);
  const publishes = () => Promise.all(Array.from({ length: TOGETHER }, publish));
  for (let sent = 0; sent < count; sent += TOGETHER) await publishes();
  await all;
}

/** Counts deliveries. */
function counter() {
  let [missing, resolve] = [0, () => {}];
  return {
    count: () => --missing === 0 && resolve(),
    received: (count) => {
      missing = count;
      return new Promise((done) => (resolve = done));
    },
  };
}

async function openOurs() {
  const { connect } = await import('../../dist/client.mjs');
  const connection = await connect(url);
  const channel = await connection.openChannel({ confirm: true, prefetch: TOGETHER });
  const { queue } = await channel.queueDeclare('', { exclusive: true });
  const { count, received } = counter();
  await channel.basicConsume(queue, (delivery) => {
    delivery.ack();
    count();
  });
  const publish = () => channel.publish('', queue, Buffer.alloc(16), { messageId: 'm' });
  return { publish, received, close: () => connection.close() };
}

async function openAmqplib() {
  const connection = await require('amqplib').connect(url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.prefetch(TOGETHER);
  const { count, received } = counter();
  await channel.consume(queue, (delivery) => {
    channel.ack(delivery);
    count();
  });
  const publish = () =>
    new Promise((resolve, reject) => {
      const confirmed = (error) => (error ? reject(error) : resolve());
      channel.publish('', queue, Buffer.alloc(16), { messageId: 'm' }, confirmed);
    });
  return { publish, received, close: () => connection.close() };
}
