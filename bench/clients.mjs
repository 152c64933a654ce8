import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Ours comes first at every level. */
export const OURS = 'nest-amqp';

/** Who takes part at each level. The peers' modules need `npm ci` in bench/peers and bench/nest-peers. */
export const clients = {
  core: {
    [OURS]: './clients/nest-amqp.mjs',
    amqplib: './peers/amqplib.mjs',
    'rabbitmq-client': './peers/rabbitmq-client.mjs',
    'amqp-client': './peers/amqp-client.mjs',
  },
  module: { [OURS]: './nest/module.mjs', golevelup: './nest-peers/golevelup.mjs' },
  transport: { [OURS]: './nest/transport.mjs', 'Transport.RMQ': './nest/transport-rmq.mjs' },
};

/** The same modules in another checkout of this repository, which is built: how a change compares with what was before. */
export const BASE = 'base';

/** @param {string} folder the other checkout */
export function addBase(folder) {
  for (const level of Object.values(clients)) {
    level[BASE] = pathToFileURL(join(resolve(folder), 'bench', level[OURS])).href;
  }
}

export const clientNames = [...new Set(Object.values(clients).flatMap((level) => Object.keys(level)))];

/** The clients of a case by name, with their modules: what is held against our own other figures is ours alone. */
export function clientsOf({ level = 'core', against }, chosen) {
  return Object.entries(clients[level]).filter(
    ([name]) => chosen.includes(name) && (against === undefined || name === OURS),
  );
}
