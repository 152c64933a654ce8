import { Buffer } from 'node:buffer';
import type { EntryOf, JournalEntry, JournalMessage } from '../../lib/broker/index.js';
import type { FailureRecord } from '../settlement/retry/failure-record.js';
import { delayQueuePrefix, parkedQueueName } from '../settlement/retry/settlement-queue-names.js';
import { historyOf, type RetryState } from '../settlement/retry/retry-state.js';
import type { ConsumerFailure } from '../settlement/consumer-failure.js';
import type { DeliveryOutcome, DeliveryResult } from './delivery-outcome.js';

/** A copy of the message in another queue. */
interface Detour {
  readonly kind: 'retry' | 'park';
  readonly queue: string;
  /** Time of its return by the broker's clock, ms. */
  readonly due: number;
  /** The failed delivery. The broker still has it while it receives the copy. */
  readonly original: JournalMessage;
}

/** Follows one message through the broker's journal, from its first delivery to its settlement, across retries. */
export class MessageTrail {
  private readonly messageId: string | undefined;
  private deliveries = 0;
  private out = false;
  private detour: Detour | undefined;
  /** By failed attempt, like the maps below. */
  private readonly delays = new Map<number, number>();
  private readonly records = new Map<number, FailureRecord>();
  private readonly failures = new Map<number, ConsumerFailure>();
  private movedTo: readonly string[] = [];

  /**
   * @param queue the application's name of the queue
   * @param placed the broker's name of the queue; it differs for a server-named queue
   * @param current the message now; each retry is another message
   * @param onWaiting called when it waits for a retry, with the end of the wait (broker clock, ms); undefined if the
   * application's clock decides
   * @param onEnd called with the outcome
   */
  constructor(
    private readonly queue: string,
    private readonly placed: string,
    private current: JournalMessage,
    private readonly onWaiting: (due: number | undefined) => void,
    private readonly onEnd: (result: DeliveryResult) => void,
  ) {
    this.messageId = current.properties.messageId;
  }

  get outcome(): Omit<DeliveryOutcome, 'result'> {
    const { queue, messageId, deliveries, movedTo } = this;
    const attempts = this.attempt;
    const errors = [];
    for (let attempt = 1; this.hasFailed(attempt); attempt++) errors.push(this.errorOf(attempt));
    return {
      queue,
      messageId,
      attempts: deliveries === 0 ? 0 : attempts,
      delays: [...this.delays.values()],
      deliveries,
      error: this.errorOf(attempts),
      errors,
      consumer: [...this.failures.values()].at(-1)?.consumer,
      movedTo,
    };
  }

  /** Describes where the message is, for a timeout. */
  get whereabouts(): string {
    const { deliveries, detour, delays } = this;
    const retries = delays.size > 0 ? ` after ${delays.size} retries (${[...delays.values()].join(', ')} ms)` : '';
    if (this.out)
      return `it was delivered ${deliveries} times and is unacknowledged: its handler has not settled it${retries}`;
    if (detour) return `it is in '${detour.queue}'${retries}`;
    return deliveries === 0 ? 'no consumer has received it' : `it was requeued ${deliveries} times${retries}`;
  }

  /** Processes a journal entry. Returns true if it concerns this message. */
  see(entry: JournalEntry): boolean {
    switch (entry.kind) {
      case 'delivered':
        return this.onDelivered(entry);
      case 'published':
        return this.onPublished(entry);
      case 'settled':
        return this.onSettled(entry);
      case 'died':
        return this.onDied(entry);
      default:
        return false;
    }
  }

  /**
   * Processes a failure that the application reports: it has the error itself, the broker only its text. Returns true
   * if it concerns this message.
   */
  hear(failure: ConsumerFailure): boolean {
    const { queue, messageId, attempt, decision, delay } = failure;
    if (queue !== this.queue || messageId !== this.messageId || this.failures.has(attempt)) return false;
    if (attempt > this.attempt) return false;
    this.failures.set(attempt, failure);
    if (decision === 'retry' && !this.delays.has(attempt)) {
      // No queue of the broker has the message: it waits in the process.
      this.delays.set(attempt, delay ?? 0);
      this.onWaiting(undefined);
    }
    return true;
  }

  /** The running attempt, or the last one. */
  private get attempt(): number {
    return this.delays.size + 1;
  }

  private onDelivered({ message, queue, noAck }: EntryOf<'delivered'>): boolean {
    if (queue !== this.placed || !message.is(this.current)) return false;
    this.deliveries++;
    this.out = true;
    // The message was requeued and delivered again: the same attempt, which has not ended yet.
    if (this.failures.get(this.attempt)?.decision === 'requeue') this.failures.delete(this.attempt);
    this.movedTo = [];
    if (noAck) this.end('acked');
    return true;
  }

  private onPublished(entry: EntryOf<'published'>): boolean {
    const { message, exchange, routingKey, outcome, time } = entry;
    if (!this.out || exchange !== '' || outcome !== 'routed') return false;
    const delayed = routingKey.startsWith(delayQueuePrefix(this.queue));
    if (!delayed && routingKey !== parkedQueueName(this.queue)) return false;
    const state = this.stateOfCopy(message);
    if (!state) return false;
    this.out = false;
    this.movedTo = [routingKey];
    if (state.lastFailure) this.records.set(state.failed, state.lastFailure);
    const delay = delayed ? Number(routingKey.slice(delayQueuePrefix(this.queue).length)) : 0;
    const kind = delayed ? 'retry' : 'park';
    this.detour = { kind, queue: routingKey, due: time + delay, original: this.current };
    if (delayed) this.delays.set(state.failed, delay);
    this.current = message;
    return true;
  }

  private onSettled({ message, outcome }: EntryOf<'settled'>): boolean {
    const { detour } = this;
    if (detour && message.is(detour.original)) {
      this.detour = undefined;
      if (detour.kind === 'park') this.end('parked');
      else this.onWaiting(detour.due);
      return true;
    }
    if (!message.is(this.current) || !this.out) return false;
    this.out = false;
    if (outcome === 'ack') this.end(this.acked());
    // A rejected message ended earlier, when it was dead-lettered or dropped.
    return true;
  }

  private onDied({ message, queue, reason, deadLetter, queues }: EntryOf<'died'>): boolean {
    if (!message.is(this.current)) return false;
    if (queue !== this.placed && deadLetter && queues.includes(this.placed)) {
      // The delay is over.
      this.current = deadLetter;
      return true;
    }
    this.movedTo = queues;
    if (queues.length > 0) this.end('dead-lettered');
    else this.end(reason === 'rejected' ? 'rejected' : 'dropped');
    return true;
  }

  private acked(): DeliveryResult {
    const decision = this.failures.get(this.attempt)?.decision;
    if (decision === 'discard') return 'discarded';
    return decision === 'answer' ? 'answered' : 'acked';
  }

  private end(result: DeliveryResult): void {
    this.out = false;
    this.onEnd(result);
  }

  /**
   * Returns the state in the header if this is a copy of the message (same id, same body). Each copy matches one
   * message only.
   */
  private stateOfCopy(message: JournalMessage): RetryState | undefined {
    const { properties } = message;
    const state = historyOf({ properties }, this.queue);
    const same = properties.messageId === this.messageId && Buffer.compare(message.body, this.current.body) === 0;
    return same && state?.failed === this.attempt ? state : undefined;
  }

  private hasFailed(attempt: number): boolean {
    return this.failures.has(attempt) || this.records.has(attempt);
  }

  private errorOf(attempt: number): unknown {
    const failure = this.failures.get(attempt);
    if (failure) return failure.cause;
    const record = this.records.get(attempt);
    return record && errorFrom(record);
  }
}

/** Rebuilds the error from a record such as `TypeError: …`. */
function errorFrom({ message, stack }: FailureRecord): Error {
  const [, name, text] = /^(\w+): (.*)$/s.exec(message) ?? [];
  const error = new Error(text ?? message);
  if (name) error.name = name;
  if (stack) error.stack = `${message}\n${stack}`;
  return error;
}
