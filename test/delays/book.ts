import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Told } from './told.js';

const APP = fileURLToPath(new URL('app.js', import.meta.url));

/** What all applications of one queue have told. */
export class Book {
  readonly confirmed = new Set<number>();
  /** How often each message was handled. */
  readonly handled = new Map<number, number>();
  readonly late: number[] = [];
  readonly faults: string[] = [];
  /** The number of publishes that were begun. */
  begun = 0;

  constructor(
    private readonly url: string,
    private readonly queue: string,
  ) {}

  /** Starts an application that publishes that many messages. Resolves when it is ready, or has ended before. */
  async start(count: number): Promise<App> {
    const args = [APP, this.url, this.queue, String(this.begun), String(count)];
    this.begun += count;
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (line) => this.note(JSON.parse(line) as Told, resolve));
    });
    await Promise.race([ready, ended]);
    return new App(child, ended);
  }

  /** Resolves when every confirmed message was handled. @returns the messages that were not within `patience` ms */
  async settle(patience: number): Promise<readonly number[]> {
    const end = Date.now() + patience;
    for (;;) {
      const missing = [...this.confirmed].filter((n) => !this.handled.has(n));
      if (missing.length === 0 || Date.now() > end) return missing;
      await delay(100);
    }
  }

  private note(told: Told, ready: () => void): void {
    if (told.kind === 'ready') ready();
    if (told.kind === 'confirmed') this.confirmed.add(told.n);
    if (told.kind !== 'handled') return;
    this.handled.set(told.n, (this.handled.get(told.n) ?? 0) + 1);
    this.late.push(told.late);
    if (told.late < 0) this.faults.push(`message ${told.n} came ${-told.late} ms early`);
    if (told.unknown.length > 0) this.faults.push(`message ${told.n} has the headers ${told.unknown.join(', ')}`);
  }
}

/** One process. */
export class App {
  constructor(
    private readonly child: ChildProcess,
    private readonly ended: Promise<unknown>,
  ) {}

  /** Resolves when the process is dead and all that it has told is noted. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
