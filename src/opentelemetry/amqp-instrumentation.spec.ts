import { tracingChannel } from 'node:diagnostics_channel';
import { context, propagation, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { B3Propagator } from '@opentelemetry/propagator-b3';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AmqpInstrumentation } from './amqp-instrumentation.js';

/** Operations of messages; `connect` is where the instrumentation looks for an SDK. */
const OPERATIONS = ['publish', 'process', 'request', 'receive', 'settle'];

const subscribed = (names = OPERATIONS): string[] =>
  names.filter((name) => tracingChannel(`nest-amqp:${name}`).hasSubscribers);

describe('AmqpInstrumentation and the SDK', () => {
  let instrumentation: AmqpInstrumentation;
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    instrumentation.disable();
    expect(subscribed([...OPERATIONS, 'connect'])).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
    for (const api of [trace, context, propagation]) api.disable();
  });

  it('subscribes to nothing that a message passes while there is no SDK', () => {
    instrumentation = new AmqpInstrumentation();
    registerInstrumentations({ instrumentations: [instrumentation] });
    jest.advanceTimersByTime(60_000);
    expect(subscribed()).toEqual([]);
  });

  it('subscribes at once with an SDK that is there', () => {
    new NodeTracerProvider().register();
    instrumentation = new AmqpInstrumentation();
    expect(subscribed()).toEqual(['publish', 'process', 'request', 'receive']);
  });

  it('subscribes at once with a provider that it is given', () => {
    instrumentation = new AmqpInstrumentation();
    instrumentation.setTracerProvider(new NodeTracerProvider());
    expect(subscribed()).toContain('publish');
    instrumentation.disable();
    expect(subscribed()).toEqual([]);
    instrumentation.enable();
    expect(subscribed()).toContain('publish');
  });

  it('finds an SDK that was registered later before the client connects', () => {
    instrumentation = new AmqpInstrumentation();
    new NodeTracerProvider().register();
    expect(subscribed()).toEqual([]);
    tracingChannel('nest-amqp:connect').start.publish({});
    expect(subscribed()).toContain('publish');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('finds an SDK that was registered after the client has connected, within a second', () => {
    instrumentation = new AmqpInstrumentation();
    jest.advanceTimersByTime(5_500);
    new NodeTracerProvider().register();
    jest.advanceTimersByTime(1_000);
    expect(subscribed()).toContain('process');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('passes contexts on if there is a propagator, even without a provider', () => {
    propagation.setGlobalPropagator(new B3Propagator());
    instrumentation = new AmqpInstrumentation();
    expect(subscribed()).toContain('publish');
  });

  it('keeps off while it is disabled, whatever is registered', () => {
    instrumentation = new AmqpInstrumentation();
    instrumentation.disable();
    new NodeTracerProvider().register();
    instrumentation.setTracerProvider(trace.getTracerProvider());
    jest.advanceTimersByTime(5_000);
    expect(subscribed()).toEqual([]);
    instrumentation.enable();
    expect(subscribed()).toContain('publish');
  });
});
