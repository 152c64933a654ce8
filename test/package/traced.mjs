/**
 * Runs as an ES module, and in bundles of both formats: the instrumentation makes spans of the core's messages, and a message
 * carries what the propagator injects. Neither the SDK of OpenTelemetry nor Nest is needed.
 */
import { propagation, trace } from '@opentelemetry/api';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';

const spanContext = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };
const names = [];
const startSpan = (name) => {
  names.push(name);
  return trace.wrapSpanContext(spanContext);
};
trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) });
propagation.setGlobalPropagator({
  inject: (_, carrier, { set }) => set(carrier, 'traceparent', 'injected'),
  extract: (context) => context,
  fields: () => ['traceparent'],
});

async function main() {
  const instrumentation = new AmqpInstrumentation();
  const broker = await EmbeddedBroker.start({ port: 0 });
  const connection = await connect(broker.url);
  const channel = await connection.openChannel({ confirm: true });
  await channel.queueDeclare('orders');
  const delivered = new Promise((resolve) => {
    void channel.basicConsume('orders', resolve, { noAck: true });
  });
  await channel.publish('', 'orders', 'x');
  const { headers } = (await delivered).properties;
  await connection.close();
  await broker.close();
  instrumentation.disable();
  if (names.join() !== 'publish orders,process orders') throw new Error(`the spans are ${names}`);
  if (headers?.traceparent !== 'injected') throw new Error(`the headers are ${JSON.stringify(headers)}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
