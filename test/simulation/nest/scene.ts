import type { LoggerService } from '@nestjs/common';
import type { Oracle } from '../engine/oracle.js';
import type { Prng } from '../engine/prng.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import { Aborted, type Promises } from '../core/promises.js';
import type { Ledger } from './ledger.js';
import type { Site } from './site.js';
import type { NestSettings } from './steps.js';

/** What all users share. */
export class Scene {
  /** Nothing is broken any more. */
  peace = false;
  /** From now on every handler returns. */
  healed = false;
  /** Signals that users have handed in. */
  readonly signals: AbortSignal[] = [];
  /** Are told each line of the log, whoever it is of: Nest has one logger for all applications, the last one's. */
  readonly hearers: ((line: string) => void)[] = [];
  private hanging: (() => void)[] = [];

  constructor(
    readonly settings: NestSettings,
    readonly clock: VirtualClock,
    readonly random: Prng,
    readonly oracle: Oracle,
    readonly trace: Trace,
    readonly ledger: Ledger,
    readonly promises: Promises,
    readonly site: Site,
  ) {}

  /** What an application has as its logger: its lines are in the trace. */
  loggerOf(name: string): LoggerService {
    const log = (level: string) => (line: unknown): void => {
      this.trace.add('log', `${name} ${level} ${String(line)}`);
      for (const hear of this.hearers) hear(String(line));
    }; // prettier-ignore
    return { log: log('log'), warn: log('warn'), error: log('error'), debug: log('debug') };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.in(ms, resolve));
  }

  /** It is closed: no timer of it waits, but for one of each socket whose peer has not closed yet. */
  leavesNoTimer(user: { readonly name: string; readonly liveWires: readonly unknown[] }): void {
    this.clock.in(1, () => {
      const [timers, sockets] = [this.clock.waiting(user.name), user.liveWires.length];
      this.oracle.check(timers <= sockets, 'leak', () => `${user.name} is closed with ${sockets} open sockets, and ${timers} of its timers wait`); // prettier-ignore
    });
  }

  /** Handlers that hang wait for this. */
  untilLetGo(): Promise<void> {
    return this.peace ? Promise.resolve() : new Promise((resolve) => this.hanging.push(resolve));
  }

  letGo(): void {
    for (const go of this.hanging.splice(0)) go();
  }

  /** A signal that is aborted after so many ms; 0: already. */
  signalAfter(ms: number | undefined): AbortSignal | undefined {
    if (ms === undefined) return undefined;
    const controller = new AbortController();
    this.signals.push(controller.signal);
    const abort = (): void => controller.abort(new Aborted(`aborted after ${ms} ms`));
    if (ms === 0) abort();
    else this.clock.in(ms, abort);
    return controller.signal;
  }
}
