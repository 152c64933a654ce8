/**
 * Draws docs/observability/trace.svg from the spans of a real run on the embedded broker: a message is published, fails at both
 * attempts, is parked, and is handled after its redrive. `npm run docs:trace`; another file as the first argument.
 */
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import {
  AmqpConsumer,
  AmqpConsumerRegistry,
  AmqpModule,
  bindQueue,
  ConfirmingPublisher,
  fixed,
  ParkingLot,
  quorumQueue,
  topicExchange,
} from 'nest-amqp';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';
import { firstValueFrom, filter } from 'rxjs';
import { drawTrace } from './trace-svg.mjs';

const [file = join(resolve(import.meta.dirname, '..'), 'docs/observability/trace.svg')] = process.argv.slice(2);

const exporter = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
tracerProvider.register();
const instrumentation = new AmqpInstrumentation();
instrumentation.setTracerProvider(tracerProvider);

let billed = () => {};
const untilBilled = new Promise((resolve_) => (billed = resolve_));
let bankIsUp = false;
class Billing {
  onOrder() {
    if (!bankIsUp) throw new Error('the bank does not answer');
    billed();
  }
}
Injectable()(Billing);
const retry = { attempts: 2, backoff: fixed('50ms') };
AmqpConsumer('billing', { retry })(
  Billing.prototype,
  'onOrder',
  Object.getOwnPropertyDescriptor(Billing.prototype, 'onOrder'),
);

const broker = await EmbeddedBroker.start();
class RootModule {}
const amqp = AmqpModule.forRoot({
  url: broker.url,
  topology: {
    exchanges: [topicExchange('orders')],
    queues: [quorumQueue('billing')],
    bindings: [bindQueue('billing', 'orders', 'order.created')],
  },
});
Module({ imports: [amqp], providers: [Billing] })(RootModule);
const app = await NestFactory.createApplicationContext(RootModule, { logger: false });

/** Stands for a request to the application. */
function request(name, work) {
  return trace.getTracer('http').startActiveSpan(name, async (span) => {
    await work();
    span.end();
  });
}

const { failures$ } = app.get(AmqpConsumerRegistry, { strict: false });
const parked = firstValueFrom(failures$.pipe(filter(({ decision }) => decision === 'park')));
await request('POST /orders', () =>
  app.get(ConfirmingPublisher, { strict: false }).publish('orders', 'order.created', { id: 1 }),
);
await parked;
bankIsUp = true;
await request('POST /redrive', () => app.get(ParkingLot, { strict: false }).redrive('billing'));
await untilBilled;
await app.close();
await broker.close();
writeFileSync(file, drawTrace(exporter.getFinishedSpans().map(shown)));

/** Returns what the picture shows of a span. Times are in ms. */
function shown(span) {
  const { name, kind, attributes, links, parentSpanContext, startTime, endTime } = span;
  const { spanId, traceId } = span.spanContext();
  return {
    id: spanId,
    trace: traceId,
    parent: parentSpanContext?.spanId,
    name,
    kind: ['internal', 'server', 'client', 'producer', 'consumer'][kind],
    attempt: attributes['nest_amqp.attempt'],
    error: attributes['error.type'],
    links: links.map((link) => ({ to: link.context.spanId, what: link.attributes?.['nest_amqp.link'] })),
    start: startTime[0] * 1e3 + startTime[1] / 1e6,
    end: endTime[0] * 1e3 + endTime[1] / 1e6,
  };
}
