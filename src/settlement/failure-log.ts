import { channel } from 'node:diagnostics_channel';
import type { Delivery } from '../../lib/client/index.js';
import type { FieldLogger, LogFields } from '../common/field-logger.js';
import { describeError, describeMessage, inLog, messageIdOf } from '../common/log-text.js';
import { framesOf } from '../common/reason.js';
import type { AmqpContext } from './amqp-context.js';
import type { ConsumerFailure } from './consumer-failure.js';
import type { Decision } from './decision.js';
import type { Failure } from './outcome.js';
import { RejectMessage, RequeueMessage, RetryMessage, type StaleDeliveryError } from './settlement.errors.js';

/** Receives each message that was not handled, with its settlement. */
const failures = channel('nest-amqp:failure');

/** Maximum number of messages that one line names. */
const MAX_NAMED = 5;
/** Maximum characters of a stack. */
const MAX_STACK = 4_000;

/** A failure and the settlement of its message. */
export interface FailureReport {
  readonly delivery: Delivery;
  readonly outcome: Failure;
  /** Number of the failed attempt, from 1. */
  readonly attempt: number;
  /** The reason for the failure, as text. */
  readonly reason: string;
  readonly decision: Decision;
}

/** The part of an event that its delivery does not say. */
type Told = Pick<ConsumerFailure, 'attempt' | 'cause' | 'reason' | 'decision'> &
  Partial<Pick<ConsumerFailure, 'delay' | 'errorId'>>;

/** Reports the failures of one consumer: a line in the log for each, and an event. */
export class FailureLog {
  constructor(
    private readonly logger: Pick<FieldLogger, 'debug' | 'warn' | 'error'>,
    private readonly of: {
      readonly consumer: { readonly name: string; readonly queue: string };
      /** Returns the handler of one message. */
      readonly nameOf: (delivery: Delivery) => string;
    },
    private readonly attempts: number,
    private readonly report: (failure: ConsumerFailure) => void,
  ) {}

  /** @param consequence the settlement of the message as text */
  failure(report: FailureReport, consequence: string): void {
    const { outcome, reason, decision } = report;
    const { error: cause } = outcome;
    const delay = decision.kind === 'retry' ? decision.delay : undefined;
    const level = decision.kind === 'retry' || isAsked(cause) ? 'warn' : 'error';
    this.logger[level](
      `${this.describe(report)}: ${inLog(reason)}; ${consequence}${toldAs(outcome)}`,
      { ...this.fieldsOf(report), delay, errorId: outcome.errorId },
      this.stackOf(report),
    );
    const { delivery, attempt } = report;
    this.tell(delivery, { attempt, cause, reason, decision: decision.kind, delay, errorId: outcome.errorId });
  }

  /** Reports a message that cannot leave its queue yet. */
  heldUp(report: FailureReport, error: unknown): void {
    const aim = report.decision.kind === 'retry' ? 'put aside for its retry' : 'parked';
    this.logger.error(
      `${this.describe(report)}: ${inLog(report.reason)}; could not be ${aim} yet (${describeError(error)}): it is held ` +
        'unacknowledged, and tried again and again',
      this.fieldsOf(report),
    );
  }

  /** Reports messages whose channel was lost while they were handled, or which a stop does not wait for. */
  stale(contexts: readonly AmqpContext[], error: StaleDeliveryError): void {
    const { name, queue } = this.of.consumer;
    const what = `while ${name} handled ${named(contexts)}: the broker delivers that again, and what the handler does no longer counts`;
    const fields = { queue, handler: name };
    // A stop has its own line, with the number of messages.
    if (error.cause === undefined) this.logger.debug(`The consumer of queue '${queue}' was stopped ${what}`, fields);
    else this.logger.warn(`The channel of queue '${queue}' was lost ${what} (${describeError(error)})`, fields);
    for (const { delivery, attempt } of contexts) {
      this.tell(delivery, { attempt, cause: error, reason: describeError(error), decision: 'requeue' });
    }
  }

  /** Reports a handler that has run for `ms`. */
  slow(contexts: readonly AmqpContext[], ms: number): void {
    const { queue } = this.of.consumer;
    const name = this.nameOf(contexts);
    this.logger.warn(
      `${capital(named(contexts))} of queue '${queue}': the handler ${name} has been running for ${Math.round(ms / 1_000)} s ` +
        'and goes on; a `timeout` of the consumer would end it',
      { queue, handler: name, runningFor: Math.round(ms) },
    );
  }

  private describe({ delivery, attempt, decision, outcome: { handler } }: FailureReport): string {
    const { queue } = this.of.consumer;
    const name = this.of.nameOf(delivery);
    const where = handler === undefined ? name : `${name}, ${handler}`;
    const failed = `${capital(describeMessage(delivery))} of queue '${queue}' failed in ${where}`;
    // A request that is answered is not attempted again.
    return decision.kind === 'answer' ? failed : `${failed}, attempt ${attempt} of ${this.attempts}`;
  }

  private fieldsOf({ delivery, attempt, decision }: FailureReport): LogFields {
    const { queue } = this.of.consumer;
    return {
      queue,
      handler: this.of.nameOf(delivery),
      messageId: messageIdOf(delivery),
      attempt,
      decision: decision.kind,
    };
  }

  /** The messages of a batch have the same handler. */
  private nameOf([context]: readonly AmqpContext[]): string {
    return context ? this.of.nameOf(context.delivery) : this.of.consumer.name;
  }

  /** At the first failure and at the end, not at each retry, and not if the error's text is sufficient. */
  private stackOf({ outcome: { error, refused }, attempt, decision }: FailureReport): string | undefined {
    const final = decision.kind !== 'retry' && decision.kind !== 'requeue';
    if (refused || isAsked(error) || !(attempt === 1 || final)) return undefined;
    return framesOf(error)?.slice(0, MAX_STACK);
  }

  private tell(delivery: Delivery, { attempt, cause, reason, decision, delay, errorId }: Told): void {
    const failure = {
      consumer: this.of.nameOf(delivery),
      queue: this.of.consumer.queue,
      messageId: messageIdOf(delivery),
      attempt,
      cause,
      reason,
      decision,
      delay,
      errorId,
    };
    if (failures.hasSubscribers) failures.publish(failure);
    this.report(failure);
  }
}

/** Returns true for an error by which the handler chooses the settlement of its message. */
function isAsked(error: unknown): boolean {
  return error instanceof RejectMessage || error instanceof RequeueMessage || error instanceof RetryMessage;
}

function toldAs({ errorId }: Failure): string {
  return errorId === undefined ? '' : ` (told as internal error ${errorId})`;
}

function named(contexts: readonly AmqpContext[]): string {
  const names = contexts.slice(0, MAX_NAMED).map(({ delivery }) => describeMessage(delivery));
  if (contexts.length > MAX_NAMED) names.push(`and ${contexts.length - MAX_NAMED} more`);
  return names.join(', ');
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
