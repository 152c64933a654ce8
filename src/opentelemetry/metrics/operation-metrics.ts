import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import type {
  BlockTrace,
  DeliverMessage,
  HeartbeatMessage,
  ProcessTrace,
  PublishTrace,
  ReceiveTrace,
  RestoreTrace,
} from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { RequestTrace } from '../../rpc/request-trace.js';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { errorWords } from '../error-words.js';
import type { MetricAttributes } from './metric-attributes.js';

/** Of the semantic conventions, in seconds. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Outages last longer. */
const OUTAGES = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Delays of timers are shorter. */
const DELAYS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** An operation of a tracing channel, whose outcome is known in `end`. */
interface Timed<M> {
  readonly start: (message: M) => void;
  readonly end: (message: M) => void;
}

/**
 * The metrics of what has happened: messages that were sent, consumed, retried, parked and returned, and durations.
 * Names and attributes are those of the semantic conventions, version 1.44:
 * https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/messaging/messaging-metrics.md
 */
export class OperationMetrics {
  private readonly begun = new WeakMap<object, number>();
  private readonly consumedOnce = new WeakSet<object>();
  private readonly sent: Counter;
  private readonly consumed: Counter;
  private readonly retried: Counter;
  private readonly parked: Counter;
  private readonly returned: Counter;
  private readonly reconnects: Counter;
  private readonly operationDuration: Histogram;
  private readonly processDuration: Histogram;
  private readonly restoreDuration: Histogram;
  private readonly blockedDuration: Histogram;
  private readonly timerDelay: Histogram;

  constructor(
    meter: Meter,
    private readonly attributes: MetricAttributes,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    const counter = (name: string, unit: string, description: string): Counter =>
      meter.createCounter(name, { unit, description });
    const seconds = (name: string, description: string, explicitBucketBoundaries = BOUNDARIES): Histogram =>
      meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } });
    this.operationDuration = seconds('messaging.client.operation.duration', 'Time from a publish to its confirm.');
    this.processDuration = seconds('messaging.process.duration', 'Duration of handler calls.');
    this.sent = counter('messaging.client.sent.messages', '{message}', 'Messages that were sent to the broker.');
    this.consumed = counter('messaging.client.consumed.messages', '{message}', 'Messages given to handlers.');
    this.retried = counter('nest_amqp.messages.retried', '{message}', 'Failed messages that are retried.');
    this.parked = counter('nest_amqp.messages.parked', '{message}', 'Failed messages that were parked.');
    this.returned = counter('nest_amqp.messages.returned', '{message}', 'Messages that no queue was bound for.');
    this.reconnects = counter('nest_amqp.connection.reconnects', '{reconnect}', 'Connections that came back.');
    this.restoreDuration = seconds(
      'nest_amqp.connection.restore.duration',
      'Time from a loss until all is back.',
      OUTAGES,
    );
    this.blockedDuration = seconds(
      'nest_amqp.connection.blocked.duration',
      'Time for which the broker blocked.',
      OUTAGES,
    );
    this.timerDelay = seconds('nest_amqp.heartbeat.delay', 'Time by which timers of the heartbeat fired late.', DELAYS);
  }

  readonly publish: Timed<PublishTrace> = this.timed((message, took) => {
    const { exchange, peer, copyOf, error } = message;
    const { attributes } = this;
    const common = attributes.withError(attributes.sent(copyOf?.kind ?? 'publish', exchange, peer), error);
    this.operationDuration.record(took, common);
    if (!isUnsent(error)) this.sent.add(1, common);
    if (error !== undefined && errorWords(error).name === 'MessageReturnedError') {
      this.returned.add(1, { ...attributes.exchange(exchange), ...attributes.peer(peer) });
    }
  });

  readonly request: Timed<RequestTrace> = this.timed(({ exchange, error }, took) => {
    const { attributes } = this;
    const common = attributes.sent('request', exchange, undefined);
    this.operationDuration.record(took, attributes.withError(common, error));
  });

  readonly receive: Timed<ReceiveTrace> = this.timed(({ queue, peer, delivery, error }, took) => {
    const { attributes } = this;
    const common = attributes.received('get', queue, peer);
    this.operationDuration.record(took, attributes.withError(common, error));
    if (delivery) this.consumed.add(1, common);
  });

  readonly process: Timed<ProcessTrace> = this.timed(({ queue, handler, peer, error }, took) => {
    const { attributes } = this;
    this.processDuration.record(took, attributes.withError(attributes.processed(queue, handler, peer), error));
  });

  readonly restore: Timed<RestoreTrace> = this.timed(({ kind, peer, error }, took) => {
    const { attributes } = this;
    const client = attributes.client(peer?.connectionName);
    if (kind === 'connection' && error === undefined) this.reconnects.add(1, client);
    this.restoreDuration.record(took, { ...client, 'nest_amqp.kind': kind, ...attributes.error(error) });
  });

  readonly block: Timed<BlockTrace> = this.timed(({ peer, error }, took) => {
    const { attributes } = this;
    this.blockedDuration.record(took, { ...attributes.client(peer?.connectionName), ...attributes.error(error) });
  });

  readonly deliver = ({ queue, delivery }: DeliverMessage): void => {
    // A message that waits for its retry in the process is delivered once, and given to its handler several times.
    if (this.consumedOnce.has(delivery)) return;
    this.consumedOnce.add(delivery);
    this.consumed.add(1, this.attributes.received('deliver', queue, delivery.peer));
  };

  readonly failure = ({ queue, consumer, cause, decision }: ConsumerFailure): void => {
    const counter = { retry: this.retried, park: this.parked }[decision as string];
    if (!counter) return;
    const { attributes } = this;
    counter.add(1, { ...attributes.queue(queue), ...attributes.handler(consumer), ...attributes.error(cause) });
  };

  readonly heartbeat = ({ delay, peer }: HeartbeatMessage): void => {
    this.timerDelay.record(delay / 1_000, this.attributes.client(peer.connectionName));
  };

  /** @param record gets the duration in seconds */
  private timed<M extends object>(record: (message: M, took: number) => void): Timed<M> {
    return {
      start: (message) => void this.begun.set(message, this.clock.now()),
      end: (message) => {
        const since = this.begun.get(message);
        if (since !== undefined) record(message, (this.clock.now() - since) / 1_000);
      },
    };
  }
}

/** True for a publish that has failed before it was sent. */
function isUnsent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  return ('outcome' in error && error.outcome === 'not-sent') || errorWords(error).name === 'PublishRefusedError';
}
