import type { CallOptions, Channel, Connection } from '../../lib/client/index.js';
import { declareTopology } from './declare-topology.js';
import type { ServerNames } from './server-names.js';
import type { TopologyOptions } from './topology.js';

/** Maximum number of channels on which queues are declared: RabbitMQ was no faster with 64. */
const MOST_CHANNELS = 16;
/** Number of queues for which another channel is opened. */
const QUEUES_A_CHANNEL = 10;

/**
 * Declares a topology on scratch channels of a connection. RabbitMQ carries out the methods of one channel one after the
 * other, and creates queues of several channels at the same time. Many queues are therefore declared on several channels.
 *
 * @param wait limits of the wait for open channels
 * @throws the errors of `declareTopology` and of `connection.withScratchChannel`
 */
export function declareOn(
  connection: Pick<Connection, 'withScratchChannel' | 'openChannel'>,
  topology: TopologyOptions,
  names?: ServerNames,
  wait: CallOptions = {},
): Promise<void> {
  return connection.withScratchChannel(async (first) => {
    const others = await openOthers(connection, topology, wait);
    try {
      await declareTopology([first, ...others], topology, names);
    } finally {
      await Promise.all(others.map((channel) => channel.close()));
    }
  }, wait);
}

/** Opens as many further channels as the connection allows: channel-max may be lower, and other channels need numbers, too. */
async function openOthers(
  connection: Pick<Connection, 'openChannel'>,
  { declare = 'assert', queues = [] }: TopologyOptions,
  wait: CallOptions,
): Promise<readonly Channel[]> {
  // Passive declarations create nothing, so RabbitMQ is no faster with several channels.
  if (declare !== 'assert') return [];
  const count = Math.min(MOST_CHANNELS, Math.ceil(queues.length / QUEUES_A_CHANNEL));
  const openings = Array.from({ length: Math.max(count - 1, 0) }, () =>
    connection.openChannel({ ...wait, restore: false }),
  );
  // The first channel tells about a connection that is lost or closed.
  const opened = await Promise.allSettled(openings);
  return opened.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
}
