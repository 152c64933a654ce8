import type { ConsumerFailure } from '../../../src/index.js';
import type { Delivery } from '../../../lib/client/index.js';
import { CONFIRMED, NOT_SENT, Publishes, UNKNOWN, UNTOLD } from '../publishes.js';
import { KINDS, type Kind, type QueueName } from './kinds.js';

/** A handler that runs. */
export interface Running {
  readonly n: number;
  readonly attempt: number;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
}

/** The number of differences that are described one by one. */
const TOLD = 20;

/** Counts an event per message. Its size is fixed, since the memory of the process is measured. */
class Tally {
  private readonly counts: Uint8Array;

  constructor(capacity: number) {
    this.counts = new Uint8Array(capacity);
  }

  of(n: number): number {
    return this.counts[n]!;
  }

  add(n: number): void {
    if (this.counts[n]! < 255) this.counts[n]!++;
  }
}

/** Compares the fate of each published message with the table. */
export class MixedLedger extends Publishes {
  /** Whether a connection was cut or a broker killed or blocked: messages may then be delivered twice. */
  disturbed = false;
  readonly differences: string[] = [];
  /** The number of all differences. */
  wrong = 0;
  /** All handler calls, and the calls for a second or later attempt. */
  calls = 0;
  retried = 0;
  /** Messages whose channel was lost while they were handled. */
  stale = 0;
  /** Messages of which the broker had two copies that were handled at the same time. */
  twins = 0;
  private readonly kinds: Uint8Array;
  private readonly done: Tally;
  private readonly answers: Tally;
  private readonly errors: Tally;
  private readonly decided: Readonly<Record<'park' | 'dead-letter' | 'discard', Tally>>;
  private readonly parked: Tally;
  private readonly dead: Tally;
  private readonly secondAttempts = new Map<QueueName, number>();
  private readonly late = new Map<QueueName, number>();
  private readonly running = new Map<number, Set<Running>>();

  constructor(readonly capacity: number) {
    super(capacity);
    const tally = (): Tally => new Tally(capacity);
    this.kinds = new Uint8Array(capacity);
    [this.done, this.answers, this.errors, this.parked, this.dead] = [tally(), tally(), tally(), tally(), tally()];
    this.decided = { park: tally(), 'dead-letter': tally(), discard: tally() };
  }

  publish(kind: Kind): number {
    if (this.published === this.capacity) throw new Error(`more than ${this.capacity} messages`);
    this.kinds[this.published] = KINDS.indexOf(kind);
    return this.take();
  }

  /**
   * Returns the number of messages of the queue that were to be handled well and began only after a second attempt at another
   * message.
   */
  lateIn(queue: QueueName): number {
    return this.late.get(queue) ?? 0;
  }

  /** Returns the number of second and later attempts in the queue. */
  retriedIn(queue: QueueName): number {
    return this.secondAttempts.get(queue) ?? 0;
  }

  /** Records that a handler begins. */
  begin(running: Running): void {
    const { n, attempt } = running;
    const { queue, name } = this.kindOf(n);
    this.calls++;
    if (attempt > 1) {
      this.retried++;
      this.secondAttempts.set(queue, this.retriedIn(queue) + 1);
    } else if (name === 'returns' && this.retriedIn(queue) > 0) this.late.set(queue, this.lateIn(queue) + 1);
    const others = this.running.get(n) ?? new Set();
    for (const other of others) if (!other.signal.aborted) this.meet(other, running);
    this.running.set(n, others.add(running));
  }

  /** Records that a handler ends. @param well the handler has handled the message */
  end(running: Running, well: boolean): void {
    const all = this.running.get(running.n);
    all?.delete(running);
    if (all?.size === 0) this.running.delete(running.n);
    if (well && !running.signal.aborted) this.done.add(running.n);
  }

  answered(n: number, error: boolean): void {
    this.confirm(n);
    (error ? this.errors : this.answers).add(n);
  }

  /** Checks a failure that `failures$` reports. */
  onFailure({ messageId, attempt, decision, cause }: ConsumerFailure): void {
    const n = Number(messageId?.slice(1));
    if ((cause as Error | undefined)?.name === 'StaleDeliveryError') this.stale++;
    if (decision in this.decided) this.decided[decision as 'park'].add(n);
    // A message that cannot leave its queue is requeued.
    if (decision === 'requeue' && this.disturbed) return;
    const { decisions = {}, queue } = this.kindOf(n);
    // Every message of a batch fails as often as another one makes the batch fail.
    const due = decisions[queue === 'batch' && !(attempt in decisions) ? 1 : attempt];
    if (!due?.includes(decision)) this.differ(n, `attempt ${attempt} is reported as '${decision}': ${String(cause)}; expected ${due?.join(' or ') ?? 'no failure'}`); // prettier-ignore
  }

  /** Records that a message is in a parked queue. */
  onParked(n: number, reason: string | undefined, bodySize: number): void {
    this.parked.add(n);
    if (!reason) this.differ(n, 'is parked without a reason');
    if ((bodySize === 0) !== (this.kindOf(n).name === 'too large')) this.differ(n, `is parked with ${bodySize} bytes`);
  }

  /** Records that the dead-letter exchange received a message. */
  onDead(n: number): void {
    this.dead.add(n);
  }

  /** Returns whether the fate of the message is known, or its publisher has no confirm. */
  isOver(n: number): boolean {
    if (this.outcomeOf(n) !== CONFIRMED) return this.outcomeOf(n) !== UNTOLD;
    const { end, byHand, queue, expiration } = this.kindOf(n);
    switch (end) {
      case 'handled':
        return this.done.of(n) > 0;
      case 'parked':
        // The broker may have dropped the message without an event.
        return this.decided.park.of(n) > 0 || (queue === 'limited' && this.disturbed);
      case 'dead-lettered':
        if (expiration !== undefined) return true;
        return byHand ? this.done.of(n) > 0 : this.decided['dead-letter'].of(n) > 0;
      case 'discarded':
        return this.decided.discard.of(n) > 0;
      case 'answered':
      case 'answered with an error':
        return true;
    }
  }

  /** Describes what is known of a message. */
  story(n: number): string {
    const told = ['is not published yet', 'is confirmed', 'may be published', 'was not sent'][this.outcomeOf(n)]!;
    const decided = Object.entries(this.decided).map(([decision, tally]) => `${decision} ${tally.of(n)}`);
    const counts = [`handled ${this.done.of(n)}`, ...decided, `in the parked queue ${this.parked.of(n)}`, `dead ${this.dead.of(n)}`]; // prettier-ignore
    return `message ${n}, '${this.kindOf(n).name}', ${told}: ${counts.join(', ')}`;
  }

  /** Compares the messages from `from` on with the table. @param exactly each message has exactly one end */
  compare(from: number, exactly: boolean): void {
    for (let n = from; n < this.published; n++) {
      if (this.outcomeOf(n) === UNTOLD) this.differ(n, 'has no outcome');
      else this.compareOne(n, exactly);
    }
  }

  /** Returns the numbers of messages by kind and end. */
  report(): Record<string, Record<string, number>> {
    const none = { messages: 0, unknown: 0, handled: 0, parked: 0, dead: 0, discarded: 0, answers: 0, errors: 0 };
    const rows: Record<string, Record<string, number>> = Object.fromEntries(
      KINDS.map(({ name }) => [name, { ...none }]),
    );
    for (let n = 0; n < this.published; n++) {
      const row = rows[this.kindOf(n).name]!;
      row['messages']!++;
      if (this.outcomeOf(n) === UNKNOWN) row['unknown']!++;
      const counts = { handled: this.done, parked: this.parked, dead: this.dead, discarded: this.decided.discard, answers: this.answers, errors: this.errors }; // prettier-ignore
      for (const [name, tally] of Object.entries(counts)) row[name]! += Number(tally.of(n) > 0);
    }
    return rows;
  }

  private compareOne(n: number, exactly: boolean): void {
    const { end, alsoDead, queue, byHand } = this.kindOf(n);
    const is = {
      handled: queue === 'price' || (byHand && end !== 'handled') ? 0 : this.done.of(n),
      parked: this.parked.of(n),
      'dead-lettered': this.dead.of(n),
      discarded: this.decided.discard.of(n),
      answered: this.answers.of(n),
      'answered with an error': this.errors.of(n),
    };
    // The broker itself drops a message that was requeued too often, when the connection was lost once more.
    const dropped = queue === 'limited' && this.disturbed && is['dead-lettered'] > 0;
    for (const name of Object.keys(is) as (keyof typeof is)[]) {
      const count = is[name];
      const due = name === end || (name === 'dead-lettered' && alsoDead === true);
      if (dropped && (name === 'parked' || name === 'dead-lettered')) continue;
      if (this.outcomeOf(n) === NOT_SENT && count > 0) this.differ(n, `was reported as not sent, and is ${name}`);
      if (due ? count === 0 && this.outcomeOf(n) === CONFIRMED : count > 0)
        this.differ(n, `is ${due ? 'not ' : ''}${name}`);
      if (exactly && count > 1) this.differ(n, `is ${name} ${count} times`);
    }
  }

  /**
   * Checks two handlers that have the message at the same time. Only two copies at the broker allow this: the first delivery
   * is still valid, and the broker does not redeliver a message that was not returned to it.
   */
  private meet(first: Running, second: Running): void {
    if (first.delivery.stale)
      this.differ(second.n, `attempt ${second.attempt} begins while a handler runs whose signal has not aborted although its channel is lost`); // prettier-ignore
    else if (!this.disturbed)
      this.differ(second.n, `attempt ${second.attempt} begins while attempt ${first.attempt} runs`);
    else this.twins++;
  }

  kindOf(n: number): Kind {
    return KINDS[this.kinds[n]!]!;
  }

  private differ(n: number, what: string): void {
    this.wrong++;
    if (this.differences.length < TOLD) this.differences.push(`message ${n}, '${this.kindOf(n).name}', ${what}`);
  }
}
