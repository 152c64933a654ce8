import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { Meter } from '@opentelemetry/api';
import { systemClock } from '../../../lib/environment/index.js';
import { subscribed } from '../subscribed.js';
import { MetricAttributes } from './metric-attributes.js';
import { OperationMetrics } from './operation-metrics.js';
import { SurveyMetrics } from './survey-metrics.js';

/** All metrics of one meter; docs/observability.md lists them. */
export class AmqpMetrics {
  private leaves: (() => void)[] = [];

  constructor(private readonly meter: Meter) {}

  enable(): void {
    if (this.leaves.length > 0) return;
    const attributes = new MetricAttributes();
    const operations = new OperationMetrics(this.meter, attributes, systemClock);
    const present = new SurveyMetrics(this.meter, attributes);
    present.enable();
    this.leaves = [
      () => present.disable(),
      subscribed(tracingChannel('nest-amqp:publish'), operations.publish),
      subscribed(tracingChannel('nest-amqp:request'), operations.request),
      subscribed(tracingChannel('nest-amqp:receive'), operations.receive),
      subscribed(tracingChannel('nest-amqp:process'), operations.process),
      subscribed(tracingChannel('nest-amqp:restore'), operations.restore),
      subscribed(tracingChannel('nest-amqp:block'), operations.block),
      listened('nest-amqp:deliver', operations.deliver),
      listened('nest-amqp:failure', operations.failure),
      listened('nest-amqp:heartbeat', operations.heartbeat),
    ];
  }

  disable(): void {
    for (const leave of this.leaves.splice(0)) leave();
  }
}

function listened<M>(name: string, listener: (message: M) => void): () => void {
  const plain = channel(name);
  const onMessage = listener as (message: unknown) => void;
  plain.subscribe(onMessage);
  return () => plain.unsubscribe(onMessage);
}
