import type { LoggerService } from '@nestjs/common';
import type { Oracle } from '../engine/oracle.js';
import type { Prng } from '../engine/prng.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import { Aborted, type Promises } from '../core/promises.js';
import type { Ledger } from './ledger.js';
import type { Site } from './site.js';
import type { NestSettings } from './steps.js';

/** The objects that all users share. */
export class Scene {
  /** Nothing breaks any more. */
  peace = false;
  /** Every handler returns. */
  healed = false;
  /** Signals that users have handed in. */
  readonly signals: AbortSignal[] = [];
  /** Called with each line of every log: Nest has one logger for all applications, the last one's. */
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

  /** Returns the logger of an application. It writes into the trace. */
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

  /** Checks that a closed user has no timer, except one for each socket whose peer has not closed yet. */
  leavesNoTimer(user: { readonly name: string; readonly liveWires: readonly unknown[] }): void {
    this.clock.in(1, () => {
      const [timers, sockets] = [this.clock.waiting(user.name), user.liveWires.length];
      this.oracle.check(timers <= sockets, 'leak', () => `${user.name} is closed with ${sockets} open sockets, and ${timers} of its timers wait`); // prettier-ignore
    });
  }

  /** Resolves when hanging handlers may return. */
  untilLetGo(): Promise<void> {
    return this.peace ? Promise.resolve() : new Promise((resolve) => this.hanging.push(resolve));
  }

  letGo(): void {
    for (const go of this.hanging.splice(0)) go();
  }

  /** Returns a signal that is aborted after `ms`; 0 for an aborted signal. */
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
