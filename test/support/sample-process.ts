import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A running sample, and the URL that it prints. */
export interface RunningSample {
  readonly app: ChildProcess;
  readonly url: string;
}

/** Starts a sample as a user does: builds it (global-setup.ts has built the package), then runs it in a process of its own. */
export async function startSample(name: string, brokerUrl: string): Promise<RunningSample> {
  await run('npm', ['run', 'build'], { cwd: folderOf(name) });
  return startBuiltSample(name, brokerUrl);
}

/** Starts a sample that is built. An empty `brokerUrl` sets none; `command` is the program that runs the sample. */
export async function startBuiltSample(
  name: string,
  brokerUrl: string,
  command: readonly [string, ...string[]] = [process.execPath, 'dist/main.js'],
): Promise<RunningSample> {
  const app = spawn(command[0], command.slice(1), {
    cwd: folderOf(name),
    env: { ...process.env, AMQP_URL: brokerUrl, PORT: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const url = await new Promise<string>((found, failed) => {
    app.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const listening = /Open (http:\S+)/.exec(output)?.[1];
      if (listening) found(listening);
    });
    app.once('exit', () => failed(new Error(`the sample ended before it listened:\n${output}`)));
  });
  return { app, url };
}

function folderOf(name: string): string {
  return resolve(import.meta.dirname, '../../sample', name);
}
