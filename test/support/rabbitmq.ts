import { DockerRabbitMq, hasDocker } from './docker-rabbitmq.js';
import { ExternalRabbitMq } from './external-rabbitmq.js';
import type { Program } from './guardian-client.js';
import { cannotInstall, installRabbitMq } from './install-rabbitmq.js';
import { findLocalInstallation } from './local-installation.js';
import { LocalRabbitMq } from './local-rabbitmq.js';
import type { BrokerSource, RabbitMqOptions } from './rabbitmq-options.js';

export type { BrokerSource, RabbitMqOptions } from './rabbitmq-options.js';
export { freePort } from './free-port.js';

/** A running RabbitMQ for tests or development. */
export interface RabbitMq extends AsyncDisposable {
  /** Where it came from; `local` also when it was installed for this. */
  readonly source: Exclude<BrokerSource, 'install'>;
  /** For people: "a private RabbitMQ". */
  readonly description: string;
  /** Without user and password, which are guest and guest, unless it is that of `AMQP_URL`. */
  readonly url: string;
  readonly port: number;
  /** Data, logs and configuration; undefined when it is not on this machine. */
  readonly folder: string | undefined;
  /** How `ctl` runs, for handing it to another process. */
  readonly ctlProgram: Program | undefined;
  /** Runs rabbitmqctl on the node and returns what it prints, without banner. Takes about a second. */
  ctl(...args: string[]): Promise<string>;
  /**
   * Writes to disk what the broker has been told to declare, so that a `kill()` finds it there afterwards. RabbitMQ
   * answers a declaration before it has done so. Messages need none of this: their confirms wait for the disk.
   */
  flush(): Promise<void>;
  /**
   * Kills the broker without any warning (SIGKILL); resolves when it is gone. Port and data stay for `start()`, and of
   * what was declared just now, what `flush()` has made durable.
   */
  kill(): Promise<void>;
  /** After `kill()`: the same node again, on the same port and data. Resolves when it answers. */
  start(): Promise<void>;
  /** Shuts down in order and starts again. */
  restart(): Promise<void>;
  /** Shuts down in order and removes everything. May be called again, and after `kill()`. */
  stop(): Promise<void>;
  /** Ties the life of a process group to this process's: should we be killed, it is killed too. */
  adopt(group: number): Promise<void>;
  release(group: number): Promise<void>;
}

/** Tries one source: the broker, or the reason why it cannot come from there. */
type Attempt = (options: RabbitMqOptions) => Promise<RabbitMq | string>;

const SOURCES: Record<BrokerSource, Attempt> = {
  'amqp-url': async () => {
    const url = process.env['AMQP_URL'];
    return url ? ExternalRabbitMq.create(url) : 'AMQP_URL is not set';
  },
  local: async (options) => {
    const installation = findLocalInstallation();
    return installation ? LocalRabbitMq.create(installation, options) : 'no rabbitmq-server on the PATH';
  },
  docker: async (options) => ((await hasDocker()) ? DockerRabbitMq.create(options) : 'no Docker engine answers'),
  install: async (options) => {
    const reason = cannotInstall();
    if (reason) return `cannot install rabbitmq-server with apt-get: ${reason}`;
    await installRabbitMq();
    const installation = findLocalInstallation();
    return installation ? LocalRabbitMq.create(installation, options) : 'apt-get left no rabbitmq-server';
  },
};

/**
 * Starts a RabbitMQ that is private to the caller: own port, folder, node name, epmd and cookie, on 127.0.0.1 only.
 * It ends with `stop()`, and also when the calling process dies in any way.
 *
 * It comes from the first that works of: the broker of `AMQP_URL` (used as it is), `rabbitmq-server` of this machine,
 * Docker, `apt-get install rabbitmq-server` on Debian and Ubuntu as root. One that is there but fails to start is an
 * error, not a reason to try the next.
 *
 * @throws Error that lists what was tried and what to install.
 */
export async function startRabbitMq(options: RabbitMqOptions = {}): Promise<RabbitMq> {
  const sources = options.source ? [options.source] : (Object.keys(SOURCES) as BrokerSource[]);
  const reasons: string[] = [];
  for (const source of sources) {
    const attempt = await SOURCES[source](options);
    if (typeof attempt !== 'string') return attempt;
    reasons.push(attempt);
  }
  throw new Error(
    [
      'No RabbitMQ for tests:',
      ...reasons.map((reason) => `  - ${reason}`),
      'Install RabbitMQ (https://www.rabbitmq.com/docs/download) so that rabbitmq-server is on the PATH,',
      'or start Docker, or set AMQP_URL to a broker that may be used for tests.',
    ].join('\n'),
  );
}
