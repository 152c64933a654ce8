import { channel, tracingChannel } from 'node:diagnostics_channel';
import { MetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AmqpMetrics } from './amqp-metrics.js';

class Reader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

describe('AmqpMetrics', () => {
  const reader = new Reader();
  const metrics = new AmqpMetrics(new MeterProvider({ readers: [reader] }).getMeter('a test'));
  afterEach(() => metrics.disable());

  it('has a bounded number of series after 10,000 exchanges, queues, handlers, connections and errors', async () => {
    metrics.enable();
    for (let n = 0; n < 10_000; n++) {
      const error = Object.assign(new Error('no'), { name: `Error${n}` });
      const publish = { exchange: `exchange ${n}`, routingKey: `key ${n}`, error: undefined };
      operation('publish', publish);
      operation('publish', { ...publish, exchange: '', error });
      operation('process', { queue: `queue ${n}`, handler: `Handler${n}.handle`, error: undefined });
      operation('process', { queue: `amq.gen-${n}`, handler: undefined, error: undefined });
      operation('restore', { kind: 'connection', peer: { connectionName: `connection ${n}` } });
      channel('nest-amqp:failure').publish({ queue: `amq.gen-${n}`, consumer: 'A.b', cause: error, decision: 'park' });
    }
    const { resourceMetrics } = await reader.collect();
    const collected = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const series = Object.fromEntries(
      collected.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.length]),
    );
    expect(series).toMatchObject({
      // Exchanges, and errors of publishes to the default exchange.
      'messaging.client.sent.messages': 1_002,
      'messaging.process.duration': 502,
      'nest_amqp.connection.reconnects': 501,
      'nest_amqp.messages.parked': 501,
    });
    expect(JSON.stringify(collected)).not.toMatch(/key \d|amq\.gen-/);
  });

  it('keeps brokers, operations and names apart', async () => {
    metrics.enable();
    const [one, two] = [
      { host: 'one', port: 1 },
      { host: 'two', port: 2 },
    ];
    for (const peer of [one, two, undefined]) {
      for (const copyOf of [undefined, { kind: 'retry' }]) operation('publish', { exchange: 'apart', peer, copyOf });
      operation('process', { queue: 'a', handler: 'b c', peer });
      operation('process', { queue: 'a b', handler: 'c', peer });
      operation('process', { queue: 'a', handler: 'b c', peer, error: new TypeError('no') });
    }
    const { resourceMetrics } = await reader.collect();
    const pointsOf = (name: string, destinations: readonly string[]): unknown[] =>
      resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .find(({ descriptor }) => descriptor.name === name)!
        .dataPoints.map(({ attributes }) => attributes)
        .filter((attributes) => destinations.includes(attributes['messaging.destination.name'] as string))
        .map((attributes) =>
          [
            'server.address',
            'messaging.operation.name',
            'messaging.destination.name',
            'nest_amqp.handler',
            'error.type',
          ]
            .map((key) => attributes[key])
            .filter((value) => value !== undefined)
            .join(', '),
        );
    expect(pointsOf('messaging.client.sent.messages', ['apart'])).toEqual(
      ['one, ', 'two, ', ''].flatMap((host) => [`${host}publish, apart`, `${host}retry, apart`]),
    );
    expect(pointsOf('messaging.process.duration', ['a', 'a b'])).toEqual(
      ['one, ', 'two, ', ''].flatMap((host) => [
        `${host}process, a, b c`,
        `${host}process, a b, c`,
        `${host}process, a, b c, TypeError`,
      ]),
    );
  });
});

function operation(name: string, message: object): void {
  const { start, asyncEnd } = tracingChannel(`nest-amqp:${name}`);
  start.publish(message);
  asyncEnd.publish(message);
}
