import { channel } from 'node:diagnostics_channel';
import type { BrokerPeer } from './tracing.js';

const surveys = channel('nest-amqp:survey');

/**
 * The message of the diagnostics channel `nest-amqp:survey`, by which a subscriber asks for the present state. Every
 * connection and every consumer answers within the call of `publish()`. The functions must not throw.
 *
 * @example
 * ```ts
 * channel('nest-amqp:survey').publish({
 *   connection: ({ connectionName, state }) => console.log(connectionName, state),
 *   consumer: ({ queue, running }) => console.log(queue, running),
 * } satisfies Survey);
 * ```
 */
export interface Survey {
  /** Called once for each connection that is not closed. */
  connection(report: ConnectionReport): void;
  /** Called once for each consumer that has not ended, that of the Nest layer included. */
  consumer(report: ConsumerReport): void;
}

/** The present state of a connection. */
export interface ConnectionReport {
  /** The option `connectionName`. */
  readonly connectionName: string | undefined;
  /** The broker of the present or the last link; undefined before the first. */
  readonly peer: BrokerPeer | undefined;
  /** As `Connection.state`. */
  readonly state: 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';
  /** The reason of the broker, if it has blocked the connection. */
  readonly blocked: string | undefined;
  /** Number of publishes that were sent and that the broker has not confirmed. */
  readonly unconfirmed: number;
  /** Number of publishes that wait to be sent. */
  readonly waiting: number;
}

/** The present state of a consumer. */
export interface ConsumerReport {
  /** The queue, as it was given to the consumer. */
  readonly queue: string;
  /** The handler of the Nest layer, such as `BillingConsumer.onOrder`; undefined for a consumer of the client. */
  readonly handler: string | undefined;
  /** As in `ConsumerStatus`. A consumer of the client is `consuming`, `recovering` or, before its first registration, `starting`. */
  readonly state: 'starting' | 'consuming' | 'paused' | 'recovering' | 'stopped';
  /** Number of messages whose handler runs. */
  readonly running: number;
  /** Number of messages that wait for a handler, because `concurrency` handlers run. */
  readonly waiting: number;
  /** Number of failed messages that can be neither retried nor parked now. */
  readonly held: number;
}

/** Answers surveys. */
export interface Surveyed {
  answer(survey: Survey): void;
}

/**
 * The objects that answer surveys. Between surveys they cost an entry of a set each. The diagnostics channel has a
 * subscriber only while there is such an object.
 */
class Respondents {
  private readonly all = new Set<Surveyed>();

  add(respondent: Surveyed): void {
    if (this.all.size === 0) surveys.subscribe(this.onSurvey);
    this.all.add(respondent);
  }

  delete(respondent: Surveyed): void {
    if (this.all.delete(respondent) && this.all.size === 0) surveys.unsubscribe(this.onSurvey);
  }

  private readonly onSurvey = (survey: unknown): void => {
    for (const respondent of this.all) respondent.answer(survey as Survey);
  };
}

export const respondents = new Respondents();
