import { realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { isExecutable } from './is-executable.js';

/** The programs of a RabbitMQ that is installed on this machine. Without `epmd` RabbitMQ starts its own. */
export interface LocalInstallation {
  server: string;
  ctl: string;
  epmd: string | undefined;
}

/** Finds `rabbitmq-server` on the PATH, or where the packages of Debian and Red Hat put it. */
export function findLocalInstallation(): LocalInstallation | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  for (const folder of [...folders.filter((folder) => !isWrapperFolder(folder)), '/usr/lib/rabbitmq/bin']) {
    const server = join(folder, 'rabbitmq-server');
    const ctl = join(folder, 'rabbitmqctl');
    if (isExecutable(server) && isExecutable(ctl)) return { server, ctl, epmd: findEpmd(folders) };
  }
  return undefined;
}

/**
 * Returns whether the folder holds the packages' wrapper scripts. These switch to the user "rabbitmq", who cannot read a
 * private folder, and log to /var/log. The scripts that they wrap, in /usr/lib/rabbitmq/bin, do neither.
 */
function isWrapperFolder(folder: string): boolean {
  return (
    ['/usr/sbin', '/sbin', '/usr/bin', '/bin'].includes(folder) && isExecutable('/usr/lib/rabbitmq/bin/rabbitmq-server')
  );
}

function findEpmd(folders: string[]): string | undefined {
  const direct = folders.map((folder) => join(folder, 'epmd')).find(isExecutable);
  if (direct) return direct;
  const erl = folders.map((folder) => join(folder, 'erl')).find(isExecutable);
  const besideErl = erl && join(dirname(realpathSync(erl)), 'epmd');
  return besideErl && isExecutable(besideErl) ? besideErl : undefined;
}
