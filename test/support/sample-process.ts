import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A sample as a user runs it: built (the package is, by global-setup.ts), then a process of its own. Resolves with the URL that it says to open. */
export async function startSample(name: string, brokerUrl: string): Promise<{ app: ChildProcess; url: string }> {
  const folder = resolve(import.meta.dirname, '../../sample', name);
  await run('npm', ['run', 'build'], { cwd: folder });
  const app = spawn(process.execPath, ['dist/main.js'], {
    cwd: folder,
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
