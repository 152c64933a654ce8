import type { Channel } from '../../../lib/client/index.js';
import { within } from '../../../lib/environment/index.js';
import { BoardRequestError } from '../board.errors.js';
import type { AmqpConnections } from '../../connection/amqp-connections.js';
import type { ConsumerStatus } from '../../consumers/lifecycle/consumer-status.js';
import { describeError, inLog } from '../../common/log-text.js';
import { exchangeOf, InstanceAsker } from './instance-asker.js';
import { InstanceListener, type ReceivedAsk } from './instance-listener.js';
import { MAX_CONSUMERS, type Answer, type ConsumerCommand, type Instance, type InstanceCommand, type ListedConsumer, type Note } from './instance-messages.js'; // prettier-ignore
import { ownInstance } from './own-instance.js';

/** Ms that an instance has for its answer to a command, and to a roll call. */
export const ANSWER_WITHIN = 5_000;
const ROLL_CALL_WITHIN = 1_500;
/** Ms between two roll calls while somebody looks. */
const ROLL_CALL_EVERY = 10_000;
/** Age in ms from which a roll call precedes a command. */
const OUTDATED = 15_000;
/** Number of roll calls without an answer after which an instance is forgotten. */
const FORGOTTEN_AFTER = 6;
/** Maximum number of instances that are known. */
const MOST = 1_000;
/** Ms for the farewell of a process that stops. */
const BYE_WITHIN = 500;

/** An instance as the page shows it. */
export interface ShownInstance extends Instance {
  /** True for the process that shows the page. */
  readonly own: boolean;
  /** Number of consumers in each state, at its last answer. */
  readonly states: Answer['states'];
  /** Number of roll calls in a row that it has not answered. */
  readonly missed: number;
}

/** The outcome of a command at one instance. `silent`: it did not answer in time. */
export interface InstanceResult {
  readonly host: string;
  readonly pid: number;
  readonly own: boolean;
  readonly outcome: Answer['outcome'] | 'silent';
  readonly reason: string | undefined;
}

/** The work of an instance. */
export interface InstanceWork {
  list(): readonly ConsumerStatus[];
  /** @param by the user, and the process that was asked */
  carryOut(command: ConsumerCommand, by: string): Promise<void>;
  /** Returns the number of messages that this process has parked, by queue. */
  parked(): Answer['parked'];
  /** Called when another instance has parked a message of the queue. */
  onParked(queue: string): void;
}

interface Member {
  readonly instance: Instance;
  states: Answer['states'];
  parked: Answer['parked'];
  missed: number;
}

/**
 * The instances of the application. They find each other through a fanout exchange of their own, and carry out commands that
 * any of them sends; a command reaches the process that sends it on the same way. Without viewers nothing is sent, except when
 * an instance starts and stops.
 */
export class Instances {
  readonly own: Instance;
  private readonly members = new Map<string, Member>();
  private readonly listener: InstanceListener;
  private hears = (): void => {};
  /** Resolves when this process hears commands: its exchange exists then. */
  private readonly heard = new Promise<void>((resolve) => (this.hears = resolve));
  private asker: InstanceAsker | undefined;
  private channel: Channel | undefined;
  private lastRollCall = -Infinity;
  private rollCall: Promise<void> | undefined;
  private cancel: (() => void) | undefined;
  private watched = false;

  /** @param application the name that all instances have in common */
  constructor(
    private readonly application: string,
    private readonly connections: AmqpConnections,
    private readonly work: InstanceWork,
  ) {
    this.own = ownInstance(connections.environment);
    this.listener = new InstanceListener(
      exchangeOf(application),
      connections.environment,
      async () => (await connections.open()).consuming,
      {
        ask: (ask) => void this.onAsk(ask),
        note: (note) => this.onNote(note),
        listening: () => {
          this.hears();
          void this.tell('hello');
        },
      },
    );
  }

  /** Begins to listen, in the background. */
  start(): void {
    this.meet(this.own);
    void this.listener.run();
  }

  /** Says goodbye to the others. */
  async stop(): Promise<void> {
    this.unwatch();
    if (this.connections.isOpen) await this.tell('bye');
    await Promise.all([this.listener.end(), this.channel?.close()]);
  }

  /** Calls the roll as long as somebody looks. */
  watch(): void {
    this.watched = true;
    void this.round();
  }

  unwatch(): void {
    this.watched = false;
    this.cancel?.();
    this.cancel = undefined;
  }

  list(): readonly ShownInstance[] {
    return [...this.members.values()].map(({ instance, states, missed }) => {
      const own = this.isOwn(instance);
      return { ...instance, own, states: own ? statesOf(this.work.list()) : states, missed };
    });
  }

  /**
   * Sends a command to all instances, and waits for their answers.
   *
   * @returns the result of each instance that is known or has answered
   * @throws BoardRequestError while this process itself hears no commands; AmqpError if the broker did not take it
   */
  async command(command: ConsumerCommand, by: string): Promise<readonly InstanceResult[]> {
    const { clock } = this.connections.environment;
    await within(this.heard, { clock, timeout: ANSWER_WITHIN }, () => {
      throw new BoardRequestError(503, 'The board cannot reach the instances yet. The log tells why.');
    });
    if (this.now - this.lastRollCall > OUTDATED) await this.callRoll();
    await this.rollCall;
    const asker = await this.ready();
    const expected = [...this.members.keys()];
    const ask = { from: this.own, by, command };
    const answers = await asker.ask(ask, ANSWER_WITHIN, (all) => expected.every((id) => all.has(id)));
    const byId = new Map(answers.map((answer) => [answer.instance.id, answer]));
    const silent = expected.filter((id) => !byId.has(id)).map((id) => this.members.get(id)?.instance);
    return [
      ...answers.map(({ instance, outcome, reason }) => this.result(instance, outcome, reason)),
      ...silent.filter((one) => one !== undefined).map((instance) => this.result(instance, 'silent', undefined)),
    ];
  }

  private get now(): number {
    return this.connections.environment.clock.now();
  }

  private isOwn({ id }: Instance): boolean {
    return id === this.own.id;
  }

  private result(instance: Instance, outcome: InstanceResult['outcome'], reason: string | undefined): InstanceResult {
    return { host: instance.host, pid: instance.pid, own: this.isOwn(instance), outcome, reason };
  }

  private async round(): Promise<void> {
    await this.callRoll();
    if (!this.watched || this.cancel) return;
    this.cancel = this.connections.environment.clock.after(
      ROLL_CALL_EVERY,
      () => {
        this.cancel = undefined;
        void this.round();
      },
      { keepAlive: false },
    );
  }

  /** Asks who is there; never rejects. Calls at the same time share one roll call. */
  private callRoll(): Promise<void> {
    return (this.rollCall ??= this.askWhoIsThere().finally(() => (this.rollCall = undefined)));
  }

  private async askWhoIsThere(): Promise<void> {
    try {
      await this.heard;
      const asker = await this.ready();
      const ask = { from: this.own, by: 'the board', command: { kind: 'roll-call' } } as const;
      const before = [...this.members.values()];
      const present = new Set((await asker.ask(ask, ROLL_CALL_WITHIN, () => false)).map(({ instance }) => instance.id));
      this.lastRollCall = this.now;
      for (const member of before) {
        if (present.has(member.instance.id) || this.isOwn(member.instance)) continue;
        if (++member.missed >= FORGOTTEN_AFTER) this.members.delete(member.instance.id);
      }
    } catch {
      // The connection is lost, which the page shows. The instances stay known.
    }
  }

  private async onAsk({ from, by, command, replyTo, correlationId }: ReceivedAsk): Promise<void> {
    const { clock } = this.connections.environment;
    const begun = clock.now();
    const consumers = command.kind === 'consumers' ? this.work.list().slice(0, MAX_CONSUMERS).map(listed) : [];
    const done = await this.carryOut(command, this.isOwn(from) ? by : elsewhere(by, from));
    const states = statesOf(this.work.list());
    const answer = { instance: this.own, ...done, states, parked: this.work.parked(), consumers };
    try {
      const asker = await this.ready();
      await asker.answer(replyTo, correlationId, answer, Math.max(1, Math.ceil(ANSWER_WITHIN - (clock.now() - begun))));
    } catch {
      // The one that asked sees that there is no answer.
    }
  }

  private async carryOut(command: InstanceCommand, by: string): Promise<Pick<Answer, 'outcome' | 'reason'>> {
    const done = { outcome: 'done', reason: undefined } as const;
    if (command.kind === 'roll-call' || command.kind === 'consumers') return done;
    const { queue, handler } = command;
    // The log shall not repeat names that somebody has made up.
    const isThere = this.work.list().some((one) => one.queue === queue && one.handlers.includes(handler));
    if (!isThere) return { outcome: 'absent', reason: undefined };
    try {
      await this.work.carryOut(command, by);
      return done;
    } catch (error) {
      return { outcome: 'failed', reason: describeError(error) };
    }
  }

  private onNote({ note, instance }: Note): void {
    if (this.isOwn(instance)) return;
    if (note === 'hello') this.meet(instance);
    else this.members.delete(instance.id);
  }

  private meet(instance: Instance, { states, parked }: Partial<Answer> = {}): void {
    const member = this.members.get(instance.id);
    if (!member && this.members.size >= MOST) return;
    const before = member?.parked ?? {};
    for (const [queue, count] of Object.entries(parked ?? {})) if (count !== before[queue]) this.work.onParked(queue);
    this.members.set(instance.id, {
      instance,
      states: states ?? member?.states ?? {},
      parked: parked ?? before,
      missed: 0,
    });
  }

  private async tell(note: Note['note']): Promise<void> {
    try {
      await (await this.ready()).tell({ note, instance: this.own }, BYE_WITHIN);
    } catch {
      // The others notice at the next roll call.
    }
  }

  /** Returns the asker once the connections are open. */
  private async ready(): Promise<InstanceAsker> {
    const { publishing } = await this.connections.open();
    if (this.asker) return this.asker;
    const { clock, uniqueId } = this.connections.environment;
    const channel = publishing.channel({ confirm: true, whenUnavailable: 'fail' });
    const heard = (answer: Answer): void => this.meet(answer.instance, answer);
    this.channel = channel;
    void channel.closed.then(() => (this.asker = undefined));
    return (this.asker = new InstanceAsker({
      channel,
      connection: publishing,
      exchange: exchangeOf(this.application),
      clock,
      uniqueId,
      heard,
    }));
  }
}

const elsewhere = (by: string, { host, pid }: Instance): string =>
  inLog(`${by} (on the board of ${host}, process ${pid})`);

function statesOf(consumers: readonly ConsumerStatus[]): Answer['states'] {
  const states: Partial<Record<ConsumerStatus['state'], number>> = {};
  for (const { state } of consumers) states[state] = (states[state] ?? 0) + 1;
  return states;
}

/** Infinity is no number in JSON. */
const limit = (value: number | undefined): number => (value === undefined || value === Infinity ? 0 : value);

function listed(status: ConsumerStatus): ListedConsumer {
  const { connection, queue, handler, state, prefetch, concurrency, inFlight, handled, failed } = status;
  const limits = { prefetch: limit(prefetch), concurrency: limit(concurrency) };
  return { connection, queue, handler, state, ...limits, inFlight, handled, failed };
}
