import { channel, tracingChannel } from 'node:diagnostics_channel';
import { createNoopMeter, trace, type MeterProvider, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { Instrumentation, InstrumentationConfig } from '@opentelemetry/instrumentation';
import { PRODUCT_VERSION } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { AmqpMetrics } from './metrics/amqp-metrics.js';
import { ProcessSpans } from './process-spans.js';
import { PublishSpans } from './publish-spans.js';
import { ReceiveSpans } from './receive-spans.js';
import { RequestSpans } from './request-spans.js';
import { SdkWatch } from './sdk-watch.js';
import { SettleSpans } from './settle-spans.js';
import { subscribed } from './subscribed.js';

const NAME = 'nest-amqp';

/**
 * The options of {@link AmqpInstrumentation}.
 *
 * @publicApi
 */
export interface AmqpInstrumentationConfig extends InstrumentationConfig {
  /**
   * A span for each `ack`, `nack` and `reject`. The broker does not answer them, so such a span has no duration, and
   * the `process` span around it has the outcome already. Default false
   */
  readonly settleSpans?: boolean;
}

const KNOWN = namesOf({ enabled: 0, settleSpans: 0 } satisfies Record<keyof AmqpInstrumentationConfig, 0>);

/**
 * Traces and measures the messages of the client and of the Nest layer with OpenTelemetry, by the tracing channels of
 * docs/observability.md. It patches nothing, so it works in ES modules, in CommonJS and in bundles, and it may be
 * enabled at any time. Without an SDK it does not trace, and costs nothing.
 *
 * - `publish`: a `PRODUCER` span from the call to the broker's confirm. Its context goes into the headers, in the words of the
 *   configured propagator, unless the message has one already.
 * - `process`: a `CONSUMER` span for each attempt, whose parent is the publish. A batch has links to its messages.
 * - `retry`, `park`, `redrive`: spans of the copies. An attempt has links to the first one and to the copy that it got.
 * - `request`: a `CLIENT` span from a request to its reply.
 * - `get`: a `CLIENT` span of each `basicGet()`.
 * - `ack`, `nack`, `reject`: a `CLIENT` span of each settlement, if `settleSpans` is true.
 *
 * With a meter provider it also measures: durations, numbers of messages, and the state of connections and consumers.
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
  private provider = trace.getTracerProvider();
  private tracer: Tracer = this.provider.getTracer(NAME, PRODUCT_VERSION);
  private config: AmqpInstrumentationConfig = { enabled: true };
  private metrics: AmqpMetrics | undefined;
  private enabled = false;
  private leave: (() => void) | undefined;
  private readonly sdk = new SdkWatch(
    () => this.provider,
    () => this.subscribe(),
  );

  /**
   * @param config.enabled begin at once. Default true
   * @param config.settleSpans a span for each settlement. Default false
   * @throws ConfigurationError for an unknown option
   */
  constructor(config: AmqpInstrumentationConfig = {}) {
    this.setConfig(config);
    if (this.config.enabled) this.enable();
  }

  /**
   * Begins to trace and to measure. Has no effect if it does already. While there is no SDK, which means neither a tracer
   * provider nor a propagator, it subscribes to no message; it looks for one at each connect and once a second.
   */
  enable(): void {
    if (this.enabled) return;
    this.enabled = true;
    this.sdk.start();
    this.metrics?.enable();
  }

  /** Stops: what begins from here on has no span and is not measured. Nothing is added to messages any more. */
  disable(): void {
    this.enabled = false;
    this.sdk.stop();
    this.metrics?.disable();
    this.leave?.();
    this.leave = undefined;
  }

  getConfig(): AmqpInstrumentationConfig {
    return this.config;
  }

  /** Takes effect with the next `enable()`. @throws ConfigurationError for an unknown option */
  setConfig(config: AmqpInstrumentationConfig): void {
    refuseUnknown('AmqpInstrumentation', config, KNOWN);
    this.config = { enabled: true, ...config };
  }

  setTracerProvider(provider: TracerProvider): void {
    this.provider = provider;
    this.tracer = provider.getTracer(NAME, PRODUCT_VERSION);
    if (this.enabled) this.sdk.start();
  }

  /** Measures by this provider from here on. A provider that records nothing costs nothing. */
  setMeterProvider(provider: MeterProvider): void {
    const meter = provider.getMeter(NAME, PRODUCT_VERSION);
    this.metrics?.disable();
    this.metrics = meter === createNoopMeter() ? undefined : new AmqpMetrics(meter);
    if (this.enabled) this.metrics?.enable();
  }

  private subscribe(): void {
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
      subscribed(tracingChannel('nest-amqp:receive'), new ReceiveSpans(tracer)),
      ...(this.config.settleSpans ? [subscribed(tracingChannel('nest-amqp:settle'), new SettleSpans(tracer))] : []),
    ];
    this.leave = () => {
      for (const leave of leaves) leave();
    };
  }
}
