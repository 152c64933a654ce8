import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import type { Program } from './guardian-client.js';
import type { LocalInstallation } from './local-installation.js';
import { configLines, type RabbitMqOptions } from './rabbitmq-options.js';

/** The files and environment of a RabbitMQ node that shares nothing with any other node on the machine. */
export interface NodeSettings {
  port: number;
  logFile: string;
  server: Program;
  epmd: Program | null;
  ctl: Program;
}

/** Chooses ports, names and a cookie, and writes the node's files into `folder`. */
export async function prepareNode(
  folder: string,
  { server, ctl, epmd }: LocalInstallation,
  options: RabbitMqOptions,
): Promise<NodeSettings> {
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const logFile = join(folder, 'log', 'rabbitmq.log');
  const env: NodeJS.ProcessEnv = {
    ...inheritedEnvironment(),
    HOME: folder, // Erlang looks for the cookie here
    LANG: 'C.UTF-8', // rabbitmqctl warns about any other value
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_CRASH_DUMP_SECONDS: '0', // no crash dump: a killed broker has to end at once
    RABBITMQ_NODENAME: `nest-amqp-${randomBytes(4).toString('hex')}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'), // a file that does not exist, in place of the machine's
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: logFile,
    // Few threads, since the tests need CPU too. Nothing busy-waits, which is RabbitMQ's default for the node. Busy-waiting shortens a
    // start from 6 s to 2.5 s on an idle machine; beside 20 busy processes on two cores it lengthens a start from 20 s to 120 s, and
    // a rabbitmqctl from 2 s to 6 s.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +SDio 2 -kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CTL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CTL_DIST_PORT_MIN: '0', // any port: by default all rabbitmqctl processes of a machine share eleven ports
    RABBITMQ_CTL_DIST_PORT_MAX: '0',
    ...options.env,
  };
  await mkdir(join(folder, 'log'));
  await writeFile(join(folder, '.erlang.cookie'), randomBytes(20).toString('hex'), { mode: 0o400 });
  await writeFile(join(folder, 'enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`);
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'vm_memory_high_watermark.relative = 0.4',
      'disk_free_limit.absolute = 10MB', // a nearly full test machine must not block publishers
      ...configLines(options),
      '',
    ].join('\n'),
  );
  return {
    port,
    logFile,
    server: { command: server, args: [], env },
    epmd: epmd ? { command: epmd, args: ['-address', '127.0.0.1', '-port', String(epmdPort)], env } : null,
    // The mark lets the guardian find a rabbitmqctl that hangs when the owner dies.
    ctl: { command: ctl, args: [], env: { ...env, NEST_AMQP_BROKER_MARK: `${folder}:ctl` } },
  };
}

/** Returns the environment without the variables that would point the node, or Erlang, to a broker of the machine. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(RABBITMQ_|ERL_|TEST_AMQP_|NOTIFY_SOCKET$|NODE_OPTIONS$)/.test(name),
    ),
  );
}
