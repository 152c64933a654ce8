/**
 * `node .build/support/with-broker.js -- <command …>`: runs a command with `AMQP_URL` set. If `AMQP_URL` is not set already,
 * it names a private RabbitMQ that lives as long as the command. Exits with the command's exit code.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { startRabbitMq } from './rabbitmq.js';

/** Milliseconds from the signal to SIGKILL. */
const GRACE = 10_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

const exitCode = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Signals the whole process group of the command. Returns false when the group is empty. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** Ends the processes that the command left in its group: SIGTERM, and SIGKILL after the grace period. */
async function endGroup(group: number, deadline = Date.now() + GRACE): Promise<void> {
  signalGroup(group, 'SIGTERM');
  while (signalGroup(group, 0) && Date.now() < deadline) await delay(20);
  signalGroup(group, 'SIGKILL');
}

/** Runs the command in a process group of its own, so that a signal reaches every process that it started. */
async function run(command: string, args: string[], env: NodeJS.ProcessEnv, started: (child: ChildProcess) => void) {
  const child = spawn(command, args, { stdio: 'inherit', detached: true, env });
  return new Promise<number>((resolve, reject) => {
    child.once('spawn', () => started(child));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? exitCode(signal) : (code ?? 1)));
  });
}

async function main(): Promise<number> {
  const [command, ...args] = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  if (!command) throw new Error('usage: with-broker [--] <command> [argument …]');

  let received: Signal | undefined;
  let group: number | undefined;
  const onSignal = (signal: Signal): void => {
    // The terminal sends Ctrl-C to every process, and npm forwards it once more: the second signal is ignored.
    if (received) return;
    received = signal;
    if (group === undefined) process.exit(exitCode(signal)); // the guardian of the broker cleans up
    signalGroup(group, signal);
    setTimeout(() => signalGroup(group!, 'SIGKILL'), GRACE).unref();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);

  const isPrivate = !process.env['AMQP_URL'];
  await using rabbit = await startRabbitMq();
  if (isPrivate) {
    process.stderr.write(`AMQP_URL is not set: started ${rabbit.description} on ${rabbit.url} for development\n`);
  }
  const code = await run(command, args, { ...process.env, AMQP_URL: rabbit.url }, (child) => {
    group = child.pid!;
    void rabbit.adopt(group);
  });
  if (group !== undefined) {
    await endGroup(group);
    await rabbit.release(group);
  }
  return code;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
