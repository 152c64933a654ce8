import { context, propagation, trace, type Attributes, type Link, type SpanContext } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';
import { eventually } from '../../client/support/client-harness.js';

type Propagator = NonNullable<Parameters<NodeTracerProvider['register']>[0]>['propagator'];

/** The instrumentation, and the spans that it makes. */
export class Tracing {
  readonly exporter = new InMemorySpanExporter();
  readonly provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.exporter)] });
  readonly tracer = this.provider.getTracer('a test');
  readonly instrumentation = new AmqpInstrumentation({ enabled: false });

  /** The spans that have ended, in this order. */
  get spans(): ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  named(name: string): ReadableSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** The span of this name, the `index`-th; waits for its end. */
  async span(name: string, index = 0): Promise<ReadableSpan> {
    await eventually(async () => this.named(name).length > index);
    return this.named(name)[index]!;
  }

  /** Runs the work inside a span of its own, such as that of an HTTP request. */
  within<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.tracer.startActiveSpan(name, async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    });
  }
}

/** Traces from before the first test of a suite to after its last one. */
export function useTracing(propagator?: Propagator): Tracing {
  const tracing = new Tracing();
  beforeAll(() => {
    tracing.provider.register(propagator ? { propagator } : {});
    tracing.instrumentation.setTracerProvider(tracing.provider);
    tracing.instrumentation.enable();
  });
  afterEach(() => tracing.exporter.reset());
  afterAll(async () => {
    tracing.instrumentation.disable();
    await tracing.provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  });
  return tracing;
}

export const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
export const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;
export const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;

/** The ids of the spans that a span links to. */
export function linksOf(span: ReadableSpan): { readonly to: string; readonly attributes: Attributes | undefined }[] {
  return span.links.map(({ context: to, attributes }: Link) => ({ to: (to as SpanContext).spanId, attributes }));
}
