import { tracingChannel } from 'node:diagnostics_channel';
import type { Duplex } from 'node:stream';
import {
  AmqpError,
  type Channel,
  connect,
  type Connection,
  type Consumer,
  type Delivery,
} from '../../lib/client/index.js';
import type { Clock } from '../../lib/environment/index.js';
import { Books } from './books.js';
import { ScriptedSession, type Behaviour } from './scripted-broker.js';

/** The error of the program's handlers and signals. The client passes it on unchanged. */
export const OWN = new Error('of the program itself');

/** A clock that the program moves. */
export class FuzzClock implements Clock {
  private time = 0;
  private readonly timers = new Set<{
    readonly at: number;
    readonly run: () => void;
  }>();

  get waiting(): number {
    return this.timers.size;
  }

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return 1_700_000_000_000 + this.time;
  }

  after(delay: number, run: () => void): () => void {
    if (delay === Infinity) return () => undefined;
    const timer = { at: this.time + delay, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  afterPendingEvents(run: () => void): void {
    setImmediate(run);
  }

  /** Runs timers that become due, in order; at most 10,000 of them, since a timer may plan another one for the same time. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (let count = 0; count < 10_000; count++) {
      let next: { readonly at: number; readonly run: () => void } | undefined;
      for (const timer of this.timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
      if (!next) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }
}

/** The operations that a user may trace. */
const TRACED = ['connect', 'publish', 'process', 'settle', 'receive', 'restore', 'block'].map((operation) =>
  tracingChannel(`nest-amqp:${operation}`),
);

/** Resolves in the next turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One client, its broker, and everything that is still open between them. */
export class ClientWorld {
  readonly clock = new FuzzClock();
  readonly channels: Channel[] = [];
  readonly consumers: Consumer[] = [];
  readonly iterators: AsyncIterableIterator<Delivery>[] = [];
  readonly held: Delivery[] = [];
  readonly wakes: (() => void)[] = [];
  readonly problems: string[] = [];
  readonly books = new Books();
  signals: AbortController[] = [];
  connection: Connection | undefined;
  session: ScriptedSession | undefined;
  private readonly pending = new Map<number, string>();
  private calls = 0;
  private readonly tracer = {
    start: (): void => {},
    end: (): void => {},
    asyncStart: (): void => {},
    asyncEnd: (): void => {},
    error: (): void => {},
  };

  constructor(readonly behaviour: Behaviour) {}

  /** Connects. Resolves with undefined if that fails, which is allowed. */
  async connect(options: {
    readonly reconnect: boolean;
    readonly maxHeldBytes: number;
    readonly heartbeat: number;
  }): Promise<void> {
    const connecting = this.call('connect', () =>
      connect({
        clock: this.clock,
        createSocket: () => this.dial(),
        heartbeat: options.heartbeat,
        maxMessageSize: 5_000,
        writeBufferSize: 20_000,
        maxHeldBytes: options.maxHeldBytes,
        reconnect: options.reconnect ? { initialDelay: 10, maxDelay: 100 } : false,
      }).then((connection) => {
        this.connection = connection;
      }),
    );
    for (let second = 0; second < 12 && this.pending.size > 0; second++) {
      for (let turns = 0; turns < 12 && this.pending.size > 0; turns++) await turn();
      if (this.pending.size > 0) this.clock.advance(1_000);
    }
    await Promise.race([connecting, turn()]);
  }

  /** Subscribes to all operations, or to none any more. A trace must not change what the client does. */
  trace(on: boolean): void {
    for (const channel of TRACED) {
      channel.unsubscribe(this.tracer);
      if (on) channel.subscribe(this.tracer);
    }
  }

  /** Lets the event loop turn until nothing more goes over the wire. */
  private async quiet(): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds++) {
      const before = this.behaviour.activity;
      for (let turns = 0; turns < 3; turns++) await turn();
      if (this.behaviour.activity === before) return;
    }
  }

  private dial(): Promise<Duplex> {
    this.behaviour.activity++;
    if (this.behaviour.refusals > 0) {
      this.behaviour.refusals--;
      return Promise.reject(new Error('ECONNREFUSED'));
    }
    this.session = new ScriptedSession(this.behaviour, this.books);
    return Promise.resolve(this.session.socket);
  }

  /** Calls the client. The call has to settle, and an error has to have a type of the client. */
  call<T>(what: string, run: () => Promise<T> | T): Promise<T | undefined> {
    const id = ++this.calls;
    this.pending.set(id, what);
    const failed = (error: unknown): undefined => {
      this.pending.delete(id);
      const expected = error instanceof AmqpError || error === OWN;
      if (!expected) this.problems.push(`${what} failed with ${error instanceof Error ? error.stack : String(error)}`);
      return undefined;
    };
    try {
      return Promise.resolve(run()).then((value) => {
        this.pending.delete(id);
        return value;
      }, failed);
    } catch (error) {
      return Promise.resolve(failed(error));
    }
  }

  /** Passes time in which the broker sends heartbeats. */
  private async peace(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 2_500) {
      this.session?.beat();
      await this.pass(2_500, 2_500);
    }
  }

  /** Passes time, with the turns of the event loop that its events need. */
  async pass(ms: number, step = 1_000): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      this.clock.advance(Math.min(step, ms - passed));
      await this.quiet();
    }
  }

  /**
   * Ends the program. The broker behaves from now on, so every call has to settle in time; the connection is usable or closed
   * with a typed error; `close()` leaves no timer and no socket.
   *
   * @throws Error that names the violation
   */
  async settle(): Promise<void> {
    const { behaviour, connection, session } = this;
    await this.quiet();
    if (session?.alive && connection?.state === 'open') {
      for (const { unsettled } of session.channels.values()) this.books.audit(unsettled);
    }
    Object.assign(behaviour, {
      holding: false,
      confirming: true,
      mutation: undefined,
      refusing: undefined,
      refusals: 0,
    });
    behaviour.tune = { channelMax: 100, frameMax: 131_072, heartbeat: 0 };
    this.session?.drop();
    for (const wake of this.wakes.splice(0)) wake();
    await this.peace(70_000);
    // Heartbeats complete a frame of junk, so the client may have noticed the junk only now.
    if (connection?.state === 'reconnecting') await this.peace(35_000);
    if (connection) await this.useAndClose(connection);
    if (this.pending.size > 0) this.problems.push(`never settled: ${[...this.pending.values()].join(', ')}`);
    if (this.clock.waiting > 0) this.problems.push(`${this.clock.waiting} timers are left`);
    if (this.session && !this.session.socket.destroyed) this.problems.push('the socket is still open');
    this.problems.push(...this.books.problems);
    if (this.problems.length > 0) throw new Error(this.problems.join('\n'));
  }

  private async useAndClose(connection: Connection): Promise<void> {
    let over: { readonly error: unknown } | undefined;
    void connection.closed.then((error) => (over = { error }));
    await turn();
    if (connection.state === 'open') {
      const used = this.call('the last use', async () => {
        const channel = await connection.openChannel({ confirm: true });
        await channel.publish('', 'q', 'last');
      });
      await this.peace(35_000);
      await Promise.race([used, turn()]);
    } else if (connection.state === 'reconnecting') this.problems.push('still reconnecting, to a broker that behaves');
    void this.call('the last close', () => connection.close({ timeout: 5_000 }));
    for (const wake of this.wakes.splice(0)) wake();
    await this.peace(40_000);
    if (!over) this.problems.push(`the connection is ${connection.state} after close()`);
    else if (over.error !== undefined && !(over.error instanceof AmqpError))
      this.problems.push(`closed with ${String(over.error)}`);
  }
}
