import { Writable } from 'node:stream';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import { afterAll, expect, it } from '@jest/globals';
import { Logger as NestPinoLogger, PinoLogger } from 'nestjs-pino';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';
import { idOf, traceOf, useTracing } from '../opentelemetry/support/tracing.js';

const tracing = useTracing();
afterAll(() => {
  Logger.overrideLogger(new ConsoleLogger());
});

it('gives the lines of a handler its trace and span, through nestjs-pino', async () => {
  const entries: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done): void {
      entries.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const mixin = (): object => {
    const span = trace.getActiveSpan()?.spanContext();
    return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
  };
  const params = { pinoHttp: { stream, mixin } };
  Logger.overrideLogger(new NestPinoLogger(new PinoLogger(params), params));
  const broker = await EmbeddedBroker.start();
  const connection = await connect(broker.url);
  const channel = await connection.openChannel({ confirm: true });
  await channel.queueDeclare('billing');
  const logger = new Logger('Billing');
  await channel.basicConsume('billing', async (delivery) => {
    await new Promise((resolve) => setImmediate(resolve));
    logger.log('billed');
    delivery.ack();
  });
  await channel.publish('', 'billing', 'x');
  const process = await tracing.span('process billing');
  logger.log('later');
  await connection.close();
  await broker.close();
  expect(entries.map(({ msg, trace_id, span_id }) => ({ msg, trace_id, span_id }))).toEqual([
    { msg: 'billed', trace_id: traceOf(process), span_id: idOf(process) },
    { msg: 'later', trace_id: undefined, span_id: undefined },
  ]);
});
