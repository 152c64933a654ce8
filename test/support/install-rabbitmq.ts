import { installPackage } from './install-package.js';

/** Installs Debian's `rabbitmq-server` without leaving a system broker running. @throws Error with the end of apt's output */
export function installRabbitMq(): Promise<void> {
  return installPackage({
    name: 'rabbitmq-server',
    installed: 'command -v rabbitmq-server >/dev/null',
    users: ['rabbitmq', 'epmd'],
    units: ['rabbitmq-server.service', 'epmd.socket', 'epmd.service'],
  });
}
