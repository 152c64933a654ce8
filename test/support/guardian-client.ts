import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A program that the guardian starts. `env` is its whole environment. */
export interface Program {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** The user that runs it. Default: the guardian's. */
  uid?: number | undefined;
  gid?: number | undefined;
}

interface Commands {
  folder: { parameters: object; result: string };
  start: { parameters: { server: Program; epmd: Program | null }; result: null };
  kill: { parameters: object; result: null };
  terminate: { parameters: { grace: number }; result: null };
  adopt: { parameters: { group: number }; result: null };
  release: { parameters: { group: number }; result: null };
}

interface Pending {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/**
 * The owner's end of `guardian.mjs`. The guardian dies with its owner, and the broker and its folder go with the guardian.
 *
 * An idle guardian does not keep the owner's event loop alive: a test process that forgot `stop()` still ends.
 */
export class Guardian {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<unknown>;
  #lastId = 0;
  #serverExit: Promise<string> = new Promise(() => undefined);
  #onServerExit: (how: string) => void = () => undefined;

  constructor() {
    const { NODE_OPTIONS: _, ...env } = process.env; // Jest's --experimental-vm-modules would only print a warning
    this.#process = spawn(process.execPath, [fileURLToPath(new URL('./guardian.mjs', import.meta.url))], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true, // Ctrl-C signals the owner's process group, and the guardian must outlive the owner
    });
    this.#exited = once(this.#process, 'exit').catch(() => undefined);
    this.#process.stdin?.on('error', () => undefined); // reported as a failed command below
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#onReport(line));
    void this.#exited.then(() => this.#failPending(new Error('the guardian of the broker is gone')));
    this.#keepAlive(false);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves with a description when the broker that was started last has exited. */
  get serverExit(): Promise<string> {
    return this.#serverExit;
  }

  async request<Name extends keyof Commands>(
    name: Name,
    parameters: Commands[Name]['parameters'],
  ): Promise<Commands[Name]['result']> {
    if (this.#process.exitCode !== null) throw new Error('the guardian of the broker is gone');
    if (name === 'start') this.#serverExit = new Promise((resolve) => (this.#onServerExit = resolve));
    const id = ++this.#lastId;
    const answer = new Promise<never>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#keepAlive(true);
    this.#process.stdin!.write(`${JSON.stringify({ id, do: name, ...parameters })}\n`);
    return answer;
  }

  /** Kills the broker, removes the folder and waits until the guardian has exited. */
  async dismiss(): Promise<void> {
    this.#process.ref();
    this.#process.stdin!.end();
    await this.#exited;
  }

  #onReport(line: string): void {
    const report = JSON.parse(line) as {
      id?: number;
      result?: unknown;
      error?: string;
      event?: string;
      code?: number | null;
      signal?: string | null;
    };
    if (report.event === 'server-exit') {
      this.#onServerExit(report.signal ? `killed by ${report.signal}` : `exit code ${report.code}`);
      return;
    }
    const pending = this.#pending.get(report.id!);
    this.#pending.delete(report.id!);
    if (report.error === undefined) pending?.resolve(report.result as never);
    else pending?.reject(new Error(report.error));
    if (this.#pending.size === 0) this.#keepAlive(false);
  }

  #failPending(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #keepAlive(on: boolean): void {
    const method = on ? 'ref' : 'unref';
    this.#process[method]();
    (this.#process.stdin as Socket)[method]();
    (this.#process.stdout as Socket)[method]();
  }
}
