import { ConsoleLogger, Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import { from, lastValueFrom, toArray } from 'rxjs';
import { useMicro } from '../microservices/support/micro-harness.js';
import { idOf, parentOf, traceOf, useTracing } from './support/tracing.js';

@Controller()
class Prices {
  @MessagePattern('price')
  price(article: string): unknown {
    if (article === 'bad') throw new TypeError('unknown article');
    return article === 'all' ? from([1, 2]) : 42;
  }

  @EventPattern('sold')
  async sold(what: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    new Logger('Prices').log(what);
  }
}

/** Nest's JSON lines, with the ids of the active span: docs/observability.md shows it. */
class TracedLogger extends ConsoleLogger {
  readonly entries: Record<string, unknown>[] = [];

  override log(message: unknown): void {
    const span = trace.getActiveSpan()?.spanContext();
    this.entries.push({ message, trace_id: span?.traceId, span_id: span?.spanId });
  }
}

describe('spans of the transport', () => {
  const micro = useMicro();
  const tracing = useTracing();

  it('send, handler and replies are one trace', async () => {
    const queue = micro.name();
    await micro.serve([Prices], { queue });
    const client = micro.client({ queue });
    const ask = (article: string): Promise<unknown> => lastValueFrom(client.send('price', article).pipe(toArray()));
    expect(await tracing.within('work', () => ask('pen'))).toEqual([42]);
    const request = await tracing.span(`request ${queue}`);
    const publish = await tracing.span(`publish ${queue}`);
    const process = await tracing.span(`process ${queue}`);
    const reply = await tracing.span('publish');
    const [work] = tracing.named('work');
    expect([request, publish, process, reply].map(parentOf)).toEqual([work!, request, publish, process].map(idOf));
    expect(request.kind).toBe(SpanKind.CLIENT);
    expect(process.attributes['nest_amqp.pattern']).toBe('price');
    expect(new Set([request, publish, process, reply].map(traceOf)).size).toBe(1);

    expect(await ask('all')).toEqual([1, 2]);
    await tracing.span(`request ${queue}`, 1);
    await ask('bad').catch(() => {});
    const failed = await tracing.span(`process ${queue}`, 2);
    expect(failed.attributes['error.type']).toBe('TypeError');
    const unanswered = await tracing.span(`request ${queue}`, 2);
    expect(unanswered.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('emit and its handler are one trace, and the handler’s lines carry it', async () => {
    const queue = micro.name();
    await micro.serve([Prices], { queue });
    const logger = new TracedLogger();
    Logger.overrideLogger(logger);
    const client = micro.client({ queue });
    await lastValueFrom(client.emit('sold', 'sold'), { defaultValue: undefined });
    const process = await tracing.span(`process ${queue}`);
    const [publish] = tracing.named(`publish ${queue}`);
    expect(parentOf(process)).toBe(idOf(publish!));
    expect(logger.entries).toContainEqual({ message: 'sold', trace_id: traceOf(process), span_id: idOf(process) });
  });
});
