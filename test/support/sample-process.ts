import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A sample that runs, and the URL that it says to open. */
export interface RunningSample {
  readonly app: ChildProcess;
  readonly url: string;
}

/** A sample as a user runs it: built (the package is, by global-setup.ts), then a process of its own. */
export async function startSample(name: string, brokerUrl: string): Promise<RunningSample> {
  await run('npm', ['run', 'build'], { cwd: folderOf(name) });
  return startBuiltSample(name, brokerUrl);
}

/** The same without the build. `brokerUrl` '' is none, and `command` whatever ends up running the sample. */
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
