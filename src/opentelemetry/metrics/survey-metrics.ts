import { channel } from 'node:diagnostics_channel';
import type { Attributes, BatchObservableCallback, Meter, Observable } from '@opentelemetry/api';
import type { ConnectionReport, ConsumerReport, Survey } from '../../../lib/client/index.js';
import type { MetricAttributes } from './metric-attributes.js';

const surveys = channel('nest-amqp:survey');

const CONNECTION_STATES: readonly ConnectionReport['state'][] = ['connecting', 'open', 'reconnecting', 'closing'];
const CONSUMER_STATES: readonly ConsumerReport['state'][] = [
  'starting',
  'consuming',
  'paused',
  'recovering',
  'stopped',
];

/** Sums of one metric by their attributes: connections and consumers may share them. */
class Sums {
  private readonly sums = new Map<string, { readonly attributes: Attributes; value: number }>();

  add(attributes: Attributes, value: number): void {
    const key = JSON.stringify(attributes);
    const sum = this.sums.get(key);
    if (sum) sum.value += value;
    else this.sums.set(key, { attributes, value });
  }

  [Symbol.iterator](): Iterator<{ readonly attributes: Attributes; readonly value: number }> {
    return this.sums.values();
  }
}

/** The metrics of the present state. Each collection asks all connections and consumers by a survey. */
export class SurveyMetrics {
  private readonly observables: readonly Observable[];
  private readonly connection: Record<'unconfirmed' | 'waiting' | 'blocked' | 'state', Observable>;
  private readonly consumer: Record<'inFlight' | 'waiting' | 'held' | 'state', Observable>;

  constructor(
    private readonly meter: Meter,
    private readonly attributes: MetricAttributes,
  ) {
    const sum = (name: string, unit: string, description: string): Observable =>
      meter.createObservableUpDownCounter(`nest_amqp.${name}`, { unit, description });
    this.connection = {
      unconfirmed: sum('connection.unconfirmed', '{message}', 'Publishes that the broker has not confirmed.'),
      waiting: sum('connection.waiting', '{message}', 'Publishes that wait to be sent.'),
      blocked: sum('connection.blocked', '{connection}', 'Connections that the broker has blocked.'),
      state: sum('connection.state', '{connection}', 'Connections in each state.'),
    };
    this.consumer = {
      inFlight: sum('consumer.in_flight', '{message}', 'Messages whose handler runs or that wait for a retry here.'),
      waiting: sum('consumer.waiting', '{message}', 'Messages that wait for a handler because of the concurrency.'),
      held: sum('consumer.held', '{message}', 'Failed messages that can be neither retried nor parked now.'),
      state: sum('consumer.state', '{consumer}', 'Consumers in each state.'),
    };
    this.observables = [...Object.values(this.connection), ...Object.values(this.consumer)];
  }

  enable(): void {
    this.meter.addBatchObservableCallback(this.observe, [...this.observables]);
  }

  disable(): void {
    this.meter.removeBatchObservableCallback(this.observe, [...this.observables]);
  }

  private readonly observe: BatchObservableCallback = (result) => {
    const all = new Map<Observable, Sums>(this.observables.map((observable) => [observable, new Sums()]));
    const add = (metric: Observable, attributes: Attributes, value: number): void =>
      all.get(metric)!.add(attributes, value);
    const survey: Survey = {
      connection: (report) => this.addConnection(report, add),
      consumer: (report) => this.addConsumer(report, add),
    };
    surveys.publish(survey);
    for (const [observable, sums] of all) {
      for (const { attributes, value } of sums) result.observe(observable, value, attributes);
    }
  };

  private addConnection(report: ConnectionReport, add: Add): void {
    const { unconfirmed, waiting, blocked, state } = this.connection;
    const attributes = this.attributes.client(report.connectionName);
    add(unconfirmed, attributes, report.unconfirmed);
    add(waiting, attributes, report.waiting);
    add(blocked, attributes, report.blocked === undefined ? 0 : 1);
    for (const each of CONNECTION_STATES) {
      add(state, { ...attributes, 'nest_amqp.state': each }, report.state === each ? 1 : 0);
    }
  }

  private addConsumer(report: ConsumerReport, add: Add): void {
    const { inFlight, waiting, held, state } = this.consumer;
    const attributes = { ...this.attributes.queue(report.queue), ...this.attributes.handler(report.handler) };
    add(inFlight, attributes, report.running);
    add(waiting, attributes, report.waiting);
    add(held, attributes, report.held);
    for (const each of CONSUMER_STATES) {
      add(state, { ...attributes, 'nest_amqp.state': each }, report.state === each ? 1 : 0);
    }
  }
}

type Add = (metric: Observable, attributes: Attributes, value: number) => void;
