import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chown, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { Guardian } from './guardian-client.js';
import { cannotInstall, installPackage } from './install-package.js';
import { isExecutable } from './is-executable.js';

const run = promisify(execFile);

/** Milliseconds that the server may take to start. */
const START_TIMEOUT = 60_000;
/** Milliseconds that the server gets to shut down in order before it is killed. */
const SHUTDOWN_GRACE = 5_000;

/** Debian installs the programs of each version here, and not on the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/**
 * A PostgreSQL of its own: a new cluster in a temporary folder, on a free port of 127.0.0.1. It ends with `stop()`, and when the
 * calling process dies in any way. Keeps nothing over a crash of the machine, since it does not wait for the disk.
 */
export class PostgreSql implements AsyncDisposable {
  private constructor(
    private readonly guardian: Guardian,
    private readonly programs: string,
    private readonly port: number,
  ) {}

  /**
   * Starts the PostgreSQL of this machine, or the one that `apt-get install postgresql` installs on Debian and Ubuntu as root.
   *
   * @throws Error that says what to install
   */
  static async start(): Promise<PostgreSql> {
    const programs = findPrograms() ?? (await installed());
    const guardian = new Guardian();
    try {
      const folder = await guardian.request('folder', {});
      const owner = serverUser();
      if (owner) await chown(folder, owner.uid, owner.gid);
      const data = join(folder, 'data');
      const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
      await run(join(programs, 'initdb'), init, { cwd: folder, ...owner });
      const port = await freePort();
      const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: folder, fsync: 'off' };
      const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
      const server = { command: join(programs, 'postgres'), args, env: process.env, ...owner };
      await guardian.request('start', { server, epmd: null });
      await ready(guardian, join(folder, 'startup.log'));
      return new PostgreSql(guardian, programs, port);
    } catch (error) {
      await guardian.dismiss();
      throw error;
    }
  }

  /** Creates an empty database and returns its URL. */
  async createDatabase(): Promise<string> {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    await this.psql('postgres', `CREATE DATABASE ${name}`);
    return `postgres://postgres@127.0.0.1:${this.port}/${name}`;
  }

  /** Stops the server and removes its folder. */
  async stop(): Promise<void> {
    await this.guardian.request('terminate', { grace: SHUTDOWN_GRACE }).catch(() => undefined);
    await this.guardian.dismiss();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private async psql(database: string, sql: string): Promise<void> {
    const at = ['-h', '127.0.0.1', '-p', `${this.port}`, '-U', 'postgres', '-d', database];
    await run(join(this.programs, 'psql'), [...at, '-q', '-v', 'ON_ERROR_STOP=1', '-c', sql]);
  }
}

/** Returns the folder of the programs: one of the PATH, or that of the newest version that Debian's packages installed. */
function findPrograms(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return [...folders, ...debianFolders()].find((folder) =>
    ['initdb', 'postgres', 'psql'].every((program) => isExecutable(join(folder, program))),
  );
}

function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(DEBIAN, version, 'bin'));
  } catch {
    return [];
  }
}

async function installed(): Promise<string> {
  const reason = cannotInstall();
  if (reason) {
    throw new Error(
      `No PostgreSQL for tests. Install it, so that initdb is on the PATH; apt-get is not used: ${reason}.`,
    );
  }
  await installPackage({
    name: 'postgresql',
    installed: `ls ${DEBIAN}/*/bin/initdb >/dev/null 2>&1`,
    users: ['postgres'],
    units: ['postgresql.service'],
  });
  const programs = findPrograms();
  if (!programs) throw new Error('apt-get left no initdb');
  return programs;
}

/** PostgreSQL refuses to run as root. Returns the user that Debian's package creates, or `nobody`; for others undefined. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const user = ['postgres', 'nobody'].map((name) => users.find((line) => line.startsWith(`${name}:`))).find(Boolean);
  if (!user) throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody');
  const [, , uid, gid] = user.split(':').map(Number);
  return { uid: uid!, gid: gid! };
}

async function ready(guardian: Guardian, log: string): Promise<void> {
  let exit: string | undefined;
  void guardian.serverExit.then((how) => (exit = how));
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    const text = await readFile(log, 'utf8').catch(() => '');
    if (text.includes('database system is ready to accept connections')) return;
    if (exit !== undefined) throw new Error(`PostgreSQL ended during its start: ${exit}\n${text}`);
    if (Date.now() > deadline) throw new Error(`PostgreSQL did not start within ${START_TIMEOUT} ms\n${text}`);
    await delay(25);
  }
}
