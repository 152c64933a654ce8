import {
  HandlerTimeoutError,
  StaleDeliveryError,
  type ConsumerFailure,
  type FailureRecord,
} from '../../../src/index.js';
import type { Oracle } from '../engine/oracle.js';
import { delaysAfter, fateOf, isFinal, type Fate, type Outcome } from './table.js';
import { DURABLE, type NestSettings, type Target } from './steps.js';

/** A message that a user has sent. */
export interface Sent {
  readonly n: number;
  readonly to: Target;
  /** The queue that this is. */
  readonly queue: string;
  readonly exchange: string;
  readonly key: string;
  readonly messageId: string | undefined;
  /** An answer is waited for. */
  readonly asked: boolean;
  /** Its bytes are no JSON. */
  readonly bad: boolean;
  /** What the publisher was told. */
  told: 'confirmed' | 'not-sent' | 'returned' | 'nacked' | undefined;
}

/** One time that a handler was given a message, or a pipe refused it. */
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
  /** `failures$` has told of it. */
  announced: boolean;
  /** Its channel was lost before the pipes of its batch were done: it has not begun, and `failures$` may say nothing. */
  lostInPipes?: boolean;
}

/** What handlers see of a message. */
export interface Seen {
  readonly attempt: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string | undefined;
  /** `unseen` where the context does not tell. */
  readonly lastFailure: FailureRecord | 'unseen' | undefined;
}

/** Ms by which a retry may seem early: the network takes its time, and the broker's clock is in whole ms. */
const EARLY = 50;

/** What a queue's name has more where its messages wait or are kept. */
const ASIDE = /\.(?:parked|retry\.\d+)$/;

/** How long it may take to put a message aside, or to answer it, ms. */
const SETTLING = 60_000;

/** What users did and were told, against what handlers got and what the broker says. */
export class Ledger {
  private readonly sent = new Map<number, Sent>();
  private readonly runs = new Map<number, Run[]>();
  /** Publishes that the broker has seen, by what became of them. */
  private readonly atBroker = new Map<number, Set<string>>();
  /** When the broker has seen each the last time, ms. */
  private readonly arrivals = new Map<number, number>();
  /** By message id. */
  private readonly numbers = new Map<string, number>();
  /** Messages that were sent before their queue was deleted: they may be gone with it. */
  private readonly deleted = new Set<number>();
  /** Messages whose channel was lost on their way through the pipes, so that `failures$` told of them before their handler began. */
  private readonly lostOnTheWay = new Map<string, string>();
  /** When applications began to shut down, by name. */
  private readonly shutDowns = new Map<string, number>();
  private lastNumber = 0;
  /** Something has failed on the way: messages may come twice. */
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

  /** A publish has reached the broker. */
  onPublished(n: number, messageId: string | undefined, outcome: string): void {
    if (messageId !== undefined) this.numbers.set(messageId, n);
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

  /** The message has reached the broker after that time, ms. */
  arrivedAfter(n: number, time: number): boolean {
    return (this.arrivals.get(n) ?? -1) > time;
  }

  /** The publisher was told. */
  tell(sent: Sent, told: Sent['told']): void {
    sent.told = told;
    const outcomes = this.atBroker.get(sent.n);
    if (told === 'confirmed') this.oracle.check(outcomes?.has('routed') === true, 'confirmed', () => `message ${sent.n} was told as confirmed; the broker has ${say(outcomes)}`); // prettier-ignore
    // What the broker has refused the client sends once more, on a channel opened anew; there it may be told as not sent.
    const taken = [...(outcomes ?? [])].some((outcome) => outcome !== 'nacked');
    if (told === 'not-sent') this.oracle.check(!taken, 'not-sent', () => `message ${sent.n} was told as not sent; the broker has ${say(outcomes)}`); // prettier-ignore
    if (told === 'returned') this.oracle.check(outcomes?.has('unroutable') === true || outcomes?.has('returned') === true, 'outcome', () => `message ${sent.n} was told as returned; the broker has ${say(outcomes)}`); // prettier-ignore
    if (told === 'nacked') this.oracle.check(outcomes?.has('nacked') === true, 'outcome', () => `message ${sent.n} was told as nacked; the broker has ${say(outcomes)}`); // prettier-ignore
  }

  /** A handler gets a message, or a pipe does. */
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
    this.checkOriginal(sent, seen);
    this.checkAttempt(run, seen, before);
    return run;
  }

  /** It has ended. @param error as failure records say it */
  end(run: Run, outcome: Outcome, error?: string): void {
    run.ended = this.now();
    run.outcome = outcome;
    run.error = error;
    const sent = this.sent.get(run.n);
    const asked = sent?.asked === true;
    // A request of the transport is answered with whatever is thrown; one of the module may be put off.
    const over = asked && sent.to === 'micro' && outcome !== 'ok';
    run.fate = over ? 'answer' : fateOf(outcome, run.attempt, this.settings, asked);
    this.oracle.count(`fate: ${run.fate}`);
  }

  /** A queue, or one of those where its messages wait, is deleted with all that is in it. */
  onDeleted(name: string): void {
    const queue = name.replace(ASIDE, '');
    for (const sent of this.sent.values()) if (sent.queue === queue) this.deleted.add(sent.n);
  }

  onShutDown(app: string): void {
    this.shutDowns.set(app, this.now());
  }

  /** `failures$` tells. */
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
    const run = this.runs.get(n)?.find((run) => {
      // A handler that has run too long may hear of it after this.
      const failed = late ? run.outcome === undefined || run.error?.startsWith(cause.name) : run.fate && run.fate !== 'done'; // prettier-ignore
      return run.app === app && run.attempt === attempt && failed && !run.announced;
    });
    if (!run) return oracle.fail('table', `${what}; no handler has failed so`);
    run.announced = true;
    const due = run.fate ?? fateOf('throw', attempt, this.settings, sent?.asked === true);
    // A hand that has settled before the error came is heard of as such.
    const settled = decision === 'settled' && due !== 'retry';
    oracle.check(decision === due || settled || this.mayBePostponed(decision), 'table', () => `${what}; due is ${due}`);
    if (decision !== 'retry') return;
    const asked = run.outcome === 'retry';
    const known = asked || delaysAfter(attempt, this.settings).includes(delay ?? -1);
    oracle.check(known, 'table', () => `${what} in ${String(delay)} ms`);
  }

  /** The channel of a message was lost while it was handled: it comes again, whatever its handler comes to. */
  private onStale(app: string, n: number, attempt: number, what: string): void {
    const run = this.runs.get(n)?.findLast((run) => run.app === app && run.attempt === attempt && !run.announced);
    if (run) run.announced = true;
    else if (!this.sent.get(n)?.bad) this.lostOnTheWay.set(this.wayOf(app, n, attempt), what);
  }

  private wayOf(app: string, n: number, attempt: number): string {
    return `${app} ${n} ${attempt} ${this.now()}`;
  }

  /** A request was answered: with an error, or the number of the message that its handler had. */
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

  /** At the end. @param found by queue and number, how many */
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
        // What is settled only after the application has ended is heard of by nobody.
        const late = run.ended! + SETTLING >= (this.shutDowns.get(run.app) ?? Infinity);
        oracle.check(byHand || late || run.lostInPipes === true, 'told', () => `failures$ has not told of attempt ${run.attempt}: ${story()}`); // prettier-ignore
      }
      if (told !== 'confirmed' || sent.asked || !DURABLE.includes(to)) continue;
      const away = [...fates].some(
        (fate) => fate && isFinal(fate) && fate !== 'park' && (fate !== 'dead-letter' || to === 'micro'),
      );
      const kept = given === 'discard' || away || parked + dead > 0 || this.deleted.has(n);
      oracle.check(kept, 'lost', () => `confirmed and lost: ${story()}`);
    }
  }

  /** What could not be put aside goes back to its queue. */
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
