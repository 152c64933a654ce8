/**
 * A service of somebody else: amqplib with its own instrumentation, which patches what `require` loads and so cannot run in
 * Jest. It consumes from one queue and publishes each message on to another, then tells its spans on standard output, one
 * JSON line each. Arguments: URL, queue to consume, queue to publish to.
 */
import { createRequire } from 'node:module';
import { trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const [url, from, to] = process.argv.slice(2);
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const exporter = {
  export(spans, done) {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      tell({ name: span.name, traceId, spanId, parent: span.parentSpanContext?.spanId });
    }
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
registerInstrumentations({ tracerProvider: provider, instrumentations: [new AmqplibInstrumentation()] });

const amqplib = createRequire(import.meta.url)('amqplib');
const connection = await amqplib.connect(url);
const channel = await connection.createConfirmChannel();
await channel.consume(from, (message) => {
  // The queue was deleted.
  if (!message) return;
  const active = trace.getActiveSpan()?.spanContext();
  tell({ headers: message.properties.headers, active: active?.spanId });
  channel.publish('', to, message.content, {}, () => channel.ack(message));
});
tell({ ready: true });
process.stdin.resume().on('end', () => connection.close().then(() => process.exit(0)));
