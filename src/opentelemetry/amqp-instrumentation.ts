import { channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { trace, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { Instrumentation, InstrumentationConfig } from '@opentelemetry/instrumentation';
import { PRODUCT_VERSION } from '../../lib/client/index.js';
import { ProcessSpans } from './process-spans.js';
import { PublishSpans } from './publish-spans.js';
import { RequestSpans } from './request-spans.js';

const NAME = 'nest-amqp';

/** What is subscribed to one tracing channel. */
interface Spans<M> {
  readonly start: (message: M) => void;
  readonly end: (message: M) => void;
}

/**
 * Traces the messages of the client and of the Nest layer with OpenTelemetry, by the tracing channels of
 * docs/observability.md. It patches nothing, so it works in ES modules, in CommonJS and in bundles, and it may be
 * enabled at any time.
 *
 * - `publish`: a `PRODUCER` span from the call to the broker's confirm. Its context goes into the headers, in the words of the
 *   configured propagator, unless the message has one already.
 * - `process`: a `CONSUMER` span for each attempt, whose parent is the publish. A batch has links to its messages.
 * - `retry`, `park`, `redrive`: spans of the copies. An attempt has links to the first one and to the copy that it got.
 * - `request`: a `CLIENT` span from a request to its reply.
 *
 * An operation that fails has the status `ERROR`, and `error.type` is the class of its error.
 *
 * @example
 * ```ts
 * import { NodeSDK } from '@opentelemetry/sdk-node';
 *
 * new NodeSDK({ instrumentations: [new AmqpInstrumentation()] }).start();
 * ```
 *
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
 * @publicApi
 */
export class AmqpInstrumentation implements Instrumentation {
  readonly instrumentationName = NAME;
  readonly instrumentationVersion = PRODUCT_VERSION;
  private tracer: Tracer = trace.getTracer(NAME, PRODUCT_VERSION);
  private config: InstrumentationConfig = { enabled: true };
  private leave: (() => void) | undefined;

  /** @param config.enabled begin at once. Default true */
  constructor(config: InstrumentationConfig = {}) {
    this.setConfig(config);
    if (this.config.enabled) this.enable();
  }

  /** Begins to trace. Has no effect if it does already. */
  enable(): void {
    if (this.leave) return;
    const tracer = (): Tracer => this.tracer;
    const processes = new ProcessSpans(tracer);
    const settle = channel('nest-amqp:settle');
    settle.subscribe(processes.settled as (message: unknown) => void);
    const leaves = [
      () => settle.unsubscribe(processes.settled as (message: unknown) => void),
      subscribed(tracingChannel('nest-amqp:process'), processes),
      subscribed(tracingChannel('nest-amqp:publish'), new PublishSpans(tracer, processes.firstAttempt)),
      subscribed(tracingChannel('nest-amqp:request'), new RequestSpans(tracer)),
    ];
    this.leave = () => {
      for (const leave of leaves) leave();
    };
  }

  /** Stops: what begins from here on has no span. Nothing is added to messages any more. */
  disable(): void {
    this.leave?.();
    this.leave = undefined;
  }

  getConfig(): InstrumentationConfig {
    return this.config;
  }

  /** Takes effect with the next `enable()`. */
  setConfig(config: InstrumentationConfig): void {
    this.config = { enabled: true, ...config };
  }

  setTracerProvider(provider: TracerProvider): void {
    this.tracer = provider.getTracer(NAME, PRODUCT_VERSION);
  }

  /** It has no metrics. */
  setMeterProvider(): void {}
}

function subscribed<M>(operation: TracingChannel, { start, end }: Spans<M>): () => void {
  const [onStart, onEnd] = [start, end] as unknown as ((message: unknown) => void)[];
  operation.start.subscribe(onStart!);
  operation.asyncEnd.subscribe(onEnd!);
  return () => {
    operation.start.unsubscribe(onStart!);
    operation.asyncEnd.unsubscribe(onEnd!);
  };
}
