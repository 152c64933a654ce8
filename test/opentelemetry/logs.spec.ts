import { ConsoleLogger, Injectable, Logger } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import { afterAll, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, quorumQueue } from 'nest-amqp';
import { publisherOf, useNest } from '../nest/support/nest-harness.js';
import { Inbox } from '../support/inbox.js';
import { idOf, traceOf, useTracing } from './support/tracing.js';

interface Line {
  readonly message: string;
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** The logger of docs/observability.md, which keeps its lines in place of printing them. */
class TracedLogger extends ConsoleLogger {
  readonly lines = new Inbox<Line>();

  constructor() {
    super({ json: true, colors: false });
  }

  protected override stringifyJsonLogObject(entry: Record<string, unknown>): string {
    const span = trace.getActiveSpan()?.spanContext();
    return super.stringifyJsonLogObject(span ? { ...entry, trace_id: span.traceId, span_id: span.spanId } : entry);
  }

  protected override printAsJson(message: unknown, options: { context: string; logLevel: 'log' }): void {
    this.lines.add(JSON.parse(this.stringifyJsonLogObject(this.getJsonLogObject(message, options))) as Line);
  }
}

describe('lines of Nest’s logger', () => {
  const nest = useNest();
  const tracing = useTracing();
  afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

  it('carry trace and span within a handler, as do ours about its failure', async () => {
    const queue = nest.name('logged');

    @Injectable()
    class Billing {
      private readonly logger = new Logger('Billing');

      @AmqpConsumer(queue, { retry: { attempts: 1, then: 'dead-letter' } })
      async onOrder(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        this.logger.log('charging');
        throw new Error('no funds');
      }
    }

    const app = await nest.start({ providers: [Billing] }, { topology: { queues: [quorumQueue(queue)] } });
    const logger = new TracedLogger();
    Logger.overrideLogger(logger);
    await publisherOf(app).sendToQueue(queue, 1);
    const process = await tracing.span(`process ${queue}`);
    new Logger('Billing').log('later');
    const lines: Line[] = [];
    while (lines.at(-1)?.message !== 'later') lines.push(await logger.lines.next());
    const ids = { trace_id: traceOf(process), span_id: idOf(process) };
    expect(lines).toContainEqual(expect.objectContaining({ message: 'charging', ...ids }));
    expect(lines.find(({ message }) => message.includes('no funds'))).toMatchObject(ids);
    expect(lines.at(-1)).not.toHaveProperty('trace_id');
  });
});
