import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Our client, the first at every level. */
export const OURS = 'nest-amqp';

/** The clients of each level. The peers' modules need `npm ci` in bench/peers and bench/nest-peers. */
export const clients = {
  core: {
    [OURS]: './clients/nest-amqp.mjs',
    amqplib: './peers/amqplib.mjs',
    'rabbitmq-client': './peers/rabbitmq-client.mjs',
    'amqp-client': './peers/amqp-client.mjs',
  },
  module: { [OURS]: './nest/module.mjs', golevelup: './nest-peers/golevelup.mjs' },
  transport: { [OURS]: './nest/transport.mjs', 'Transport.RMQ': './nest/transport-rmq.mjs' },
  // By default all consumers of golevelup share one channel, whose failure ends them all.
  app: {
    [OURS]: './nest/app.mjs',
    golevelup: './nest-peers/app.mjs',
    'golevelup-shared': './nest-peers/app-shared.mjs',
  },
};

/** Our modules in another checkout of this repository, which is built: shows the effect of a change. */
export const BASE = 'base';

/** @param {string} folder the other checkout */
export function addBase(folder) {
  for (const level of Object.values(clients)) {
    level[BASE] = pathToFileURL(join(resolve(folder), 'bench', level[OURS])).href;
  }
}

export const clientNames = [...new Set(Object.values(clients).flatMap((level) => Object.keys(level)))];

/**
 * Returns the clients of a case by name, with their modules. A case that is compared with our own figures has our client only.
 */
export function clientsOf({ level = 'core', against }, chosen) {
  return Object.entries(clients[level]).filter(
    ([name]) => chosen.includes(name) && (against === undefined || name === OURS),
  );
}
