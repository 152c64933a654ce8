import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach } from '@jest/globals';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';

export interface Point {
  readonly attributes: Attributes;
  readonly value: number | { readonly count: number };
}

/** The metrics of one test. */
export class Metrics {
  readonly instrumentation = new AmqpInstrumentation();
  private exporter: InMemoryMetricExporter | undefined;
  private provider: MeterProvider | undefined;

  begin(): void {
    this.exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    // `read()` collects; the interval never passes.
    const reader = new PeriodicExportingMetricReader({ exporter: this.exporter, exportIntervalMillis: 2_000_000_000 });
    this.provider = new MeterProvider({ readers: [reader] });
    this.instrumentation.setMeterProvider(this.provider);
    this.instrumentation.enable();
  }

  async end(): Promise<void> {
    this.instrumentation.disable();
    await this.provider?.shutdown();
  }

  /** Collects the points of each metric by its name. */
  async read(): Promise<ReadonlyMap<string, readonly Point[]>> {
    // It would keep everything that was read before.
    this.exporter?.reset();
    await this.provider?.forceFlush();
    const all =
      this.exporter
        ?.getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    return new Map(all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints as readonly Point[]]));
  }
}

/** Sums the points that have these attributes: values, and the counts of histograms. */
export function sum(points: readonly Point[] = [], wanted: Attributes = {}): number {
  return points
    .filter(({ attributes }) => Object.entries(wanted).every(([name, value]) => attributes[name] === value))
    .reduce((total, { value }) => total + (typeof value === 'number' ? value : value.count), 0);
}

/** Measures during each test of a suite. */
export function useMetrics(): Metrics {
  const metrics = new Metrics();
  beforeEach(() => metrics.begin());
  afterEach(() => metrics.end());
  return metrics;
}
