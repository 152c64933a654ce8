// @ts-check
/**
 * The guardian: a small process between a test run and its private server, a RabbitMQ or a PostgreSQL. It owns the server's
 * folder and processes, and lives exactly as long as its stdin is open. A test runner that dies, by SIGKILL too, closes that pipe.
 * The guardian then does what the dead runner cannot: it kills the broker, its epmd and their helpers, and removes the folder.
 *
 * The file is plain JavaScript because it is started by path, from TypeScript sources under Jest and from compiled files.
 *
 * Protocol: one JSON object per line. The guardian reads `{ id, do, … }`, see `commands`. It answers each with `{ id, result }`
 * or `{ id, error }`, and reports `{ event: 'server-exit', code, signal }` when the broker exits.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that processes may take to exit after SIGKILL. */
const KILL_DEADLINE = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-server-'));

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {{ command: string, args: string[], env: NodeJS.ProcessEnv, uid?: number | undefined, gid?: number | undefined }} Program */

/** @type {ChildProcess | undefined} */ let server;
/** @type {ChildProcess | undefined} */ let epmd;
/** Process groups of the owner that must not outlive the owner. @type {Set<number>} */
const adopted = new Set();

/** @param {object} message */
const report = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** @param {Program} program @param {string} role @param {string} output a file in the folder @returns {Promise<ChildProcess>} */
function run({ command, args, env, uid, gid }, role, output) {
  const file = openSync(join(folder, output), 'w');
  const child = spawn(command, args, {
    cwd: folder,
    uid,
    gid,
    // The mark identifies every descendant, also one that left the process group.
    env: { ...env, NEST_AMQP_BROKER_MARK: mark(role) },
    stdio: ['ignore', file, file],
    detached: true, // the program gets a process group of its own: a signal reaches the whole group, and Ctrl-C in the terminal does not
  });
  closeSync(file);
  return new Promise((resolve, reject) => child.once('spawn', () => resolve(child)).once('error', reject));
}

/** @param {string} role */
const mark = (role) => `${folder}:${role}`;

/** Returns the pids whose environment carries the mark of this folder and one of the roles. Empty except on Linux. */
function marked(/** @type {string[]} */ roles) {
  const needles = roles.map((role) => Buffer.from(`NEST_AMQP_BROKER_MARK=${mark(role)}\0`));
  return listProcesses().filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`);
      return needles.some((needle) => environment.includes(needle));
    } catch {
      return false; // the process has exited, or belongs to another user
    }
  });
}

function listProcesses() {
  try {
    return readdirSync('/proc').map(Number).filter(Boolean);
  } catch {
    return [];
  }
}

/** @param {number} pid negative for a process group @param {NodeJS.Signals | 0} signal @returns {boolean} whether it exists */
function signal(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Returns the start time of a process; undefined if it has ended. A zombie has ended. @param {number} pid */
function startOf(pid) {
  try {
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

/** Sends SIGKILL to each child's group and to every process that carries the marks, until none is left. */
async function killAll(/** @type {(ChildProcess | undefined)[]} */ children, /** @type {string[]} */ roles) {
  const deadline = Date.now() + KILL_DEADLINE;
  // A process that is about to end has no environment any more, so the marks do not show it.
  /** @type {Map<number, string | undefined>} */
  const killed = new Map();
  for (;;) {
    const running = children.filter((child) => child && child.exitCode === null && child.signalCode === null);
    const found = marked(roles);
    for (const pid of found) killed.set(pid, startOf(pid));
    for (const child of running) if (child?.pid) signal(-child.pid, 'SIGKILL');
    for (const pid of found) signal(pid, 'SIGKILL');
    const left = [...killed]
      .filter(([pid, start]) => start !== undefined && startOf(pid) === start)
      .map(([pid]) => pid);
    if (running.length === 0 && left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes ${left.join(', ')} survive SIGKILL`);
    await delay(10);
  }
}

const commands = {
  /** Returns the path of the broker's folder. */
  folder: () => folder,

  /**
   * Starts the broker, after its own epmd unless that runs already.
   *
   * @param {{ server: Program, epmd: Program | null }} programs
   */
  async start(programs) {
    if (server) throw new Error('the broker is running already');
    if (!epmd && programs.epmd) {
      epmd = await run(programs.epmd, 'epmd', 'epmd.log');
      epmd.once('exit', () => (epmd = undefined));
    }
    const child = (server = await run(programs.server, 'server', 'startup.log'));
    child.once('exit', (code, signal) => {
      server = undefined;
      report({ event: 'server-exit', code, signal });
    });
  },

  /** Sends SIGKILL, which stops the broker like a power cut. */
  kill: () => killAll([server], ['server']),

  /**
   * Sends SIGTERM, on which RabbitMQ shuts down in order, and SIGKILL after the grace period.
   *
   * @param {{ grace: number }} options ms
   */
  async terminate({ grace }) {
    const child = server;
    if (child?.pid && child.exitCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      signal(child.pid, 'SIGTERM');
      await Promise.race([exited, delay(grace, undefined, { ref: false })]);
    }
    await killAll([server], ['server']);
  },

  /** Kills a process group of the owner when the owner dies. @param {{ group: number }} options */
  adopt({ group }) {
    adopted.add(group);
  },

  /** Forgets an adopted group that has ended. @param {{ group: number }} options */
  release({ group }) {
    adopted.delete(group);
  },
};

let leaving = false;
async function leave() {
  if (leaving) return;
  leaving = true;
  for (const group of adopted) signal(-group, 'SIGKILL');
  await killAll([server, epmd], ['server', 'epmd', 'ctl']).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(0);
}

for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(name, leave);
process.stdout.on('error', () => undefined); // the owner has exited; the end of stdin reports that too

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, do: name, ...parameters } = JSON.parse(line);
    try {
      const command = /** @type {Record<string, (parameters: any) => unknown>} */ (commands)[name];
      if (!command) throw new Error(`unknown command ${name}`);
      report({ id, result: (await command(parameters)) ?? null });
    } catch (error) {
      report({ id, error: error instanceof Error ? error.message : String(error) });
    }
  })
  .on('close', leave);
