import { DockerRabbitMq, hasDocker } from './docker-rabbitmq.js';
import { ExternalRabbitMq } from './external-rabbitmq.js';
import { cannotInstall } from './install-package.js';
import { installRabbitMq } from './install-rabbitmq.js';
import { findLocalInstallation } from './local-installation.js';
import { LocalRabbitMq } from './local-rabbitmq.js';
import type { BrokerSource, RabbitMqOptions } from './rabbitmq-options.js';
import type { RabbitMq } from './running-rabbitmq.js';

export type { BrokerSource, RabbitMqOptions } from './rabbitmq-options.js';
export type { RabbitMq } from './running-rabbitmq.js';
export { freePort } from './free-port.js';

/** Tries one source. Resolves with the broker, or with the reason why the source has none. */
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
 * Starts a RabbitMQ that is private to the caller, with its own port, folder, node name, epmd and cookie, on 127.0.0.1 only.
 * The broker ends with `stop()`, and when the calling process dies in any way.
 *
 * The first source that works provides it: the broker of `AMQP_URL` (used as it is), `rabbitmq-server` of this machine,
 * Docker, `apt-get install rabbitmq-server` on Debian and Ubuntu as root. A source that exists but fails to start is an
 * error; the next one is not tried.
 *
 * @throws Error that lists the sources that were tried and what to install
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
