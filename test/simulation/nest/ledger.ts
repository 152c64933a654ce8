import {
  HandlerTimeoutError,
  StaleDeliveryError,
  type ConsumerFailure,
  type FailureRecord,
} from '../../../src/index.js';
import type { Oracle } from '../engine/oracle.js';
import { delaysAfter, fateOf, isFinal, termsOf, type Fate, type Outcome } from './table.js';
import { DURABLE, ODD, type NestSettings, type Target } from './steps.js';

/** A message that a user has sent. */
export interface Sent {
  readonly n: number;
  readonly to: Target;
  /** The name of the target queue. */
  readonly queue: string;
  readonly exchange: string;
  readonly key: string;
  readonly messageId: string | undefined;
  /** The message is a request. */
  readonly asked: boolean;
  /** The body is no JSON. */
  readonly bad: boolean;
  /** The broker keeps it for `ms` from the publish at `from`. */
  readonly delay?: { readonly ms: number; readonly from: number };
  /** The outcome that the publisher received. */
  told: 'confirmed' | 'not-sent' | 'returned' | 'nacked' | undefined;
}

/** One attempt at a message, by a handler or by a pipe that refused it. */
export interface Run {
  readonly n: number;
  readonly queue: string;
  readonly app: string;
  readonly attempt: number;
  readonly began: number;
  ended: number | undefined;
  outcome: Outcome | undefined;
  fate: Fate | undefined;
  error: string | undefined;
  /** `failures$` has emitted the failure. */
  announced: boolean;
  /** The channel was lost during the pipes of the batch: the handler has not begun, and `failures$` may emit nothing. */
  lostInPipes?: boolean;
}

/** The data of a message that handlers get. */
export interface Seen {
  readonly attempt: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string | undefined;
  /** `unseen` if the context does not have it. */
  readonly lastFailure: FailureRecord | 'unseen' | undefined;
}

/** Time by which a retry may seem early, ms: the network has latency, and the broker's clock counts whole ms. */
const EARLY = 50;

/** Time by which a message may be late at the end of its delay, ms: it is rounded up to eighths of a second. */
const LATE = 130;

/** Queues of the topology that stay as long as nobody deletes them. */
const OF_TOPOLOGY: ReadonlySet<Target> = new Set(['work', 'hand', 'batch', 'price']);

/** The suffix of the queues in which a queue's messages wait or are parked. */
const ASIDE = /\.(?:parked|retry\.\d+)$/;

/** Time for putting a message aside, or for answering it, ms. */
const SETTLING = 60_000;

/** Compares the actions and reports of users with the messages of handlers and the events of the broker. */
export class Ledger {
  private readonly sent = new Map<number, Sent>();
  private readonly runs = new Map<number, Run[]>();
  /** The outcomes of each publish at the broker. */
  private readonly atBroker = new Map<number, Set<string>>();
  /** The time of the last arrival of each message at the broker, ms. */
  private readonly arrivals = new Map<number, number>();
  /** The numbers of messages, by message id. */
  private readonly numbers = new Map<string, number>();
  /** Queues that were deleted, by name. */
  private readonly deletedQueues = new Set<string>();
  /** Messages that were sent before their queue was deleted, so they may be gone. */
  private readonly deleted = new Set<number>();
  /** Messages whose channel was lost during the pipes, so that `failures$` emitted them before their handler began. */
  private readonly lostOnTheWay = new Map<string, string>();
  /** The times at which applications began to shut down, by name. */
  private readonly shutDowns = new Map<string, number>();
  private lastNumber = 0;
  /** A fault has happened, so messages may come twice. */
  disturbed = false;

  constructor(
    private readonly settings: NestSettings,
    private readonly oracle: Oracle,
    private readonly now: () => number,
  ) {}

  newNumber(): number {
    return ++this.lastNumber;
  }

  add(sent: Sent): Sent {
    this.sent.set(sent.n, sent);
    return sent;
  }

  get(n: number): Sent | undefined {
    return this.sent.get(n);
  }

  /** Notes that a publish has reached the broker. */
  onPublished(n: number, messageId: string | undefined, outcome: string, routingKey: string): void {
    if (messageId !== undefined) this.numbers.set(messageId, n);
    if (outcome === 'unroutable') this.checkTopology(n, routingKey);
    const outcomes = this.atBroker.get(n) ?? new Set<string>();
    this.atBroker.set(n, outcomes.add(outcome));
    this.arrivals.set(n, this.now());
    const told = this.sent.get(n)?.told;
    this.oracle.check(
      told !== 'not-sent',
      'not-sent',
      () => `message ${n} was told as not sent, and reaches the broker`,
    );
  }

  /** Publishes wait until the topology is declared, so its queues take them, unless an operator deletes one. */
  private checkTopology(n: number, routingKey: string): void {
    const sent = this.sent.get(n);
    if (!sent || !OF_TOPOLOGY.has(sent.to) || (routingKey !== sent.queue && routingKey !== ODD)) return;
    const { queue } = sent;
    this.oracle.check(this.deletedQueues.has(queue), 'outcome', () => `message ${n} is published to queue '${queue}' of the topology, and the broker has no such queue or binding`); // prettier-ignore
  }

  /**
   * Notes that a delayed message leaves the staircase. Its copies have arrived there at different times. @param patience time
   * that it may have waited for an application, ms
   */
  onDue(n: number, patience: number): void {
    const sent = this.sent.get(n);
    if (!sent?.delay) return this.oracle.fail('delay', `message ${n} was not delayed, and leaves the staircase`);
    const { ms, from } = sent.delay;
    const now = this.now();
    this.oracle.count('delayed messages');
    this.oracle.check(now >= from + ms - EARLY, 'early', () => `message ${n} is due ${now - from} ms after its publish, and not after ${ms} ms`); // prettier-ignore
    const latest = this.arrivals.get(n)! + ms + LATE + patience;
    this.oracle.check(now <= latest, 'late', () => `message ${n} is due ${now - latest} ms too late after its delay of ${ms} ms`); // prettier-ignore
  }

  /** Returns whether the message has reached the broker after that time, ms. */
  arrivedAfter(n: number, time: number): boolean {
    return (this.arrivals.get(n) ?? -1) > time;
  }

  /** Notes and checks the outcome that the publisher received. */
  tell(sent: Sent, told: Sent['told']): void {
    sent.told = told;
    const outcomes = this.atBroker.get(sent.n);
    if (told === 'confirmed') this.oracle.check(outcomes?.has('routed') === true, 'confirmed', () => `message ${sent.n} was told as confirmed; the broker has ${say(outcomes)}`); // prettier-ignore
    // The client sends a refused publish again, on a channel that it opens again, and may report that one as not sent. So does a
    // delayed publish that is returned, since a queue of its way is missing.
    const refusals = new Set(sent.delay ? ['nacked', 'unroutable', 'returned'] : ['nacked']);
    const taken = [...(outcomes ?? [])].some((outcome) => !refusals.has(outcome));
    if (told === 'not-sent') this.oracle.check(!taken, 'not-sent', () => `message ${sent.n} was told as not sent; the broker has ${say(outcomes)}`); // prettier-ignore
    if (told === 'returned') this.oracle.check(outcomes?.has('unroutable') === true || outcomes?.has('returned') === true, 'outcome', () => `message ${sent.n} was told as returned; the broker has ${say(outcomes)}`); // prettier-ignore
    if (told === 'nacked') this.oracle.check(outcomes?.has('nacked') === true, 'outcome', () => `message ${sent.n} was told as nacked; the broker has ${say(outcomes)}`); // prettier-ignore
  }

  /** Checks that a message has reached the handler of the key that it was published with. */
  checkHandler(n: number, key: string): void {
    const sent = this.sent.get(n);
    this.oracle.check(sent?.key === key, 'handler', () => `message ${n} was published with key '${String(sent?.key)}', and the handler of '${key}' gets it`); // prettier-ignore
  }

  /** Notes that a handler or a pipe gets a message. */
  begin(app: string, queue: string, n: number, seen: Seen): Run {
    const run: Run = { n, queue, app, attempt: seen.attempt, began: this.now(), ended: undefined, outcome: undefined, fate: undefined, error: undefined, announced: false }; // prettier-ignore
    run.announced = this.lostOnTheWay.delete(this.wayOf(app, n, seen.attempt));
    const before = this.runs.get(n) ?? [];
    this.runs.set(n, [...before, run]);
    const { oracle } = this;
    oracle.count(`run: ${queue.split('.')[0]!}`);
    const sent = this.sent.get(n);
    if (!sent) {
      oracle.fail('delivery', `queue '${queue}': a handler gets message ${n}, which nobody has published`);
      return run;
    }
    const routed = this.atBroker.get(n)?.has('routed') === true;
    oracle.check(routed, 'delivery', () => `a handler gets message ${n}; the broker has ${say(this.atBroker.get(n))}`);
    const { delay } = sent;
    oracle.check(!delay || run.began >= delay.from + delay.ms - EARLY, 'early', () => `message ${n} comes ${run.began - delay!.from} ms after its publish, and not after ${delay!.ms} ms`); // prettier-ignore
    this.checkOriginal(sent, seen);
    this.checkAttempt(run, seen, before);
    return run;
  }

  /** Notes the end of a run. @param error the text of the failure record */
  end(run: Run, outcome: Outcome, error?: string): void {
    run.ended = this.now();
    run.outcome = outcome;
    run.error = error;
    const sent = this.sent.get(run.n);
    const asked = sent?.asked === true;
    // The transport answers a request with any error. The module may retry a request.
    const over = asked && sent.to === 'micro' && outcome !== 'ok';
    run.fate = over ? 'answer' : fateOf(outcome, run.attempt, termsOf(this.settings, sent?.to), asked);
    this.oracle.count(`fate: ${run.fate}`);
  }

  /** Notes the deletion of a queue, or of one where its messages wait, with all its messages. */
  onDeleted(name: string): void {
    this.deletedQueues.add(name);
    const queue = name.replace(ASIDE, '');
    for (const sent of this.sent.values()) if (sent.queue === queue) this.deleted.add(sent.n);
  }

  onShutDown(app: string): void {
    this.shutDowns.set(app, this.now());
  }

  /** Checks a failure that `failures$` emits. */
  onFailure(app: string, { queue, messageId, attempt, decision, delay, cause }: ConsumerFailure): void {
    const { oracle } = this;
    const n = this.numbers.get(messageId ?? '') ?? -1;
    const what = `${app}: failure of message ${n} (${String(messageId)}) of '${queue}', attempt ${attempt}: ${String(cause)}; ${decision}`;
    oracle.count(`decision: ${decision}`);
    if (cause instanceof StaleDeliveryError) return this.onStale(app, n, attempt, what);
    const sent = this.sent.get(n);
    if (sent?.bad) {
      const due = sent.asked ? 'answer' : this.settings.then;
      return oracle.check(decision === due || this.mayBePostponed(decision), 'table', () => `${what}; it cannot be decoded: ${due}`); // prettier-ignore
    }
    const late = cause instanceof HandlerTimeoutError;
    // What was lost in its pipes comes again, and that run is the one that is told.
    const known = this.runs.get(n) ?? [];
    const runs = [...known.filter((run) => !run.lostInPipes), ...known.filter((run) => run.lostInPipes)];
    const run = runs.find((run) => {
      // A handler that has run too long may notice it after this.
      const failed = late ? run.outcome === undefined || run.error?.startsWith(cause.name) : run.fate && run.fate !== 'done'; // prettier-ignore
      return run.app === app && run.attempt === attempt && failed && !run.announced;
    });
    if (!run) return oracle.fail('table', `${what}; no handler has failed so`);
    run.announced = true;
    const due = run.fate ?? fateOf('throw', attempt, termsOf(this.settings, sent?.to), sent?.asked === true);
    // `settled` means that the handler settled the message before it threw.
    const settled = decision === 'settled' && due !== 'retry';
    oracle.check(decision === due || settled || this.mayBePostponed(decision), 'table', () => `${what}; due is ${due}`);
    if (decision !== 'retry') return;
    const asked = run.outcome === 'retry';
    const isDue = asked || delaysAfter(attempt, this.settings).includes(delay ?? -1);
    oracle.check(isDue, 'table', () => `${what} in ${String(delay)} ms`);
  }

  /** Handles the loss of a message's channel during its handler: the message comes again, whatever the outcome. */
  private onStale(app: string, n: number, attempt: number, what: string): void {
    const run = this.runs.get(n)?.findLast((run) => run.app === app && run.attempt === attempt && !run.announced);
    if (run) run.announced = true;
    else if (!this.sent.get(n)?.bad) this.lostOnTheWay.set(this.wayOf(app, n, attempt), what);
  }

  private wayOf(app: string, n: number, attempt: number): string {
    return `${app} ${n} ${attempt} ${this.now()}`;
  }

  /** Checks the answer to a request: an error, or the number of the message that its handler had. */
  onAnswer(sent: Sent, error: Error | undefined, n: number | undefined): void {
    const { oracle } = this;
    const runs = this.runs.get(sent.n) ?? [];
    const what = `request ${sent.n} is answered with ${error ? String(error) : String(n)}`;
    oracle.count(error ? 'answered: error' : 'answered: value');
    if (!error) {
      oracle.check(n === sent.n && runs.some(({ outcome }) => outcome === 'ok'), 'answer', () => `${what}; no handler has returned that`); // prettier-ignore
      return;
    }
    const failed = sent.bad || runs.some(({ fate }) => fate === 'answer' || fate === 'dead-letter');
    oracle.check(failed, 'answer', () => `${what}; no handler has failed`);
  }

  /** Checks all messages at the end. @param found the counts of messages, by queue and number */
  audit(found: ReadonlyMap<string, ReadonlyMap<number, number>>): void {
    const { oracle } = this;
    const count = (queue: string, n: number): number => found.get(queue)?.get(n) ?? 0;
    for (const what of this.lostOnTheWay.values()) oracle.fail('table', `${what}; no handler was running`);
    for (const sent of this.sent.values()) {
      const { n, to, queue, told } = sent;
      const runs = this.runs.get(n) ?? [];
      const fates = new Set(runs.map(({ fate }) => fate));
      const [parked, dead] = [count(`${queue}.parked`, n), count('dead', n)];
      const story = (): string => `message ${n} to '${to}': ${runs.map(({ attempt, outcome, fate }) => `${attempt} ${outcome ?? '…'} ${fate ?? ''}`).join(', ') || 'no handler has got it'}; ${parked} parked, ${dead} dead`; // prettier-ignore
      if (told === 'returned' || told === 'nacked' || told === 'not-sent') {
        oracle.check(runs.length === 0 || this.atBroker.get(n)!.has('routed'), 'outcome', () => `told as ${told}: ${story()}`); // prettier-ignore
      }
      const given = sent.bad ? this.settings.then : undefined;
      oracle.check(parked === 0 || fates.has('park') || given === 'park', 'table', () => `parked: ${story()}`);
      oracle.check(
        dead === 0 || sent.asked || fates.has('dead-letter') || given === 'dead-letter',
        'table',
        () => `dead: ${story()}`,
      );
      if (!this.disturbed) {
        const seen = runs.map(({ attempt, outcome }) => `${attempt} ${outcome === 'requeue' || outcome === 'nack' ? '' : 'once'}`); // prettier-ignore
        const twice = seen.find((one, at) => one.endsWith('once') && seen.indexOf(one) !== at);
        oracle.check(twice === undefined && parked + dead <= 1, 'twice', () => `nothing was disturbed; ${story()}`);
      }
      for (const run of runs) {
        if (run.fate === undefined || run.fate === 'done' || run.announced || run.queue === 'micro') continue;
        const byHand = run.outcome === 'nack' || run.outcome === 'rejectByHand';
        // No listener gets a failure that is settled after the application has ended.
        const late = run.ended! + SETTLING >= (this.shutDowns.get(run.app) ?? Infinity);
        oracle.check(byHand || late || run.lostInPipes === true, 'told', () => `failures$ has not told of attempt ${run.attempt}: ${story()}`); // prettier-ignore
      }
      if (told !== 'confirmed' || sent.asked || !DURABLE.includes(to)) continue;
      const away = [...fates].some(
        (fate) => fate && isFinal(fate) && fate !== 'park' && (fate !== 'dead-letter' || to === 'micro'),
      );
      // No application is there when it is due: the embedded broker drops a dead letter without a queue.
      const unattended = this.disturbed || this.shutDowns.size > 0 || sent.exchange === '';
      const homeless = sent.delay !== undefined && (this.deletedQueues.has(queue) || sent.key === 'nowhere') && unattended; // prettier-ignore
      const aside = parked + dead + count('nest-amqp.delay.parked', n);
      const kept = given === 'discard' || away || aside > 0 || this.deleted.has(n) || homeless;
      oracle.check(kept, 'lost', () => `confirmed and lost: ${story()}`);
    }
  }

  /** Returns whether the message may go back to its queue, since it could not be put aside. */
  private mayBePostponed(decision: string): boolean {
    return decision === 'requeue' && this.disturbed;
  }

  private checkOriginal(sent: Sent, seen: Seen): void {
    const { oracle } = this;
    const [is, was] = [`'${seen.exchange}' '${seen.routingKey}'`, `'${sent.exchange}' '${sent.key}'`];
    oracle.check(is === was, 'original', () => `message ${sent.n} was published to ${was}, its handler sees ${is}`);
    const known = sent.messageId === undefined || sent.messageId === seen.messageId;
    oracle.check(known, 'original', () => `message ${sent.n} had the id ${String(sent.messageId)}, its handler sees ${String(seen.messageId)}`); // prettier-ignore
  }

  private checkAttempt(run: Run, { attempt, lastFailure }: Seen, before: readonly Run[]): void {
    const { oracle, settings } = this;
    if (attempt === 1) return oracle.check(typeof lastFailure !== 'object', 'attempt', () => `message ${run.n}: attempt 1 has a last failure: ${JSON.stringify(lastFailure)}`); // prettier-ignore
    const failed = before.filter((other) => other.attempt === attempt - 1 && other.ended !== undefined && other.queue === run.queue); // prettier-ignore
    const retried = failed.filter(({ fate }) => fate === 'retry');
    const { n } = run;
    if (retried.length === 0) return oracle.fail('attempt', `message ${n} comes for attempt ${attempt}; none before it has failed so that it is retried`); // prettier-ignore
    const said = lastFailure === 'unseen' ? undefined : lastFailure?.message;
    oracle.check(lastFailure === 'unseen' || failed.some(({ error }) => error === said), 'attempt', () => `message ${n}: attempt ${attempt} has as last failure ${String(said)}; it failed with ${failed.map(({ error }) => error).join()}`); // prettier-ignore
    const asked = retried.some(({ outcome }) => outcome === 'retry');
    const shortest = asked ? 1 : Math.min(...delaysAfter(attempt - 1, settings));
    const first = Math.min(...retried.map(({ ended }) => ended!));
    oracle.check(run.began >= first + shortest - EARLY, 'early', () => `message ${n} comes again ${run.began - first} ms after its failure, and not after ${shortest} ms`); // prettier-ignore
  }
}

function say(outcomes: ReadonlySet<string> | undefined): string {
  return outcomes ? [...outcomes].join() : 'not seen it';
}
