import { once } from 'node:events';
import { EmbeddedBroker } from '../../lib/broker/index.js';
import { connect, type Channel } from '../../lib/client/index.js';
import { memoryDuplexes, type MemoryDuplex } from '../support/memory-duplex.js';
import { clientSession } from './client-session.js';
import { recordings } from './corpus.js';
import type { FuzzTarget } from './target.js';

/** Inputs between two checks of the other connection: a check costs as much as an input. */
const LOOK_EVERY = 20;
const QUEUE = 'healthy';

/** A target that keeps a broker open until the target is closed. */
export interface OpenFuzzTarget extends FuzzTarget {
  close(): Promise<void>;
}

/**
 * An embedded broker, over streams in memory. Each input ends in a close, without an internal error, and another connection
 * goes on publishing and getting.
 */
export function brokerTarget(): OpenFuzzTarget {
  const complaints: string[] = [];
  let opened: Promise<{ broker: EmbeddedBroker; neighbour: Channel }> | undefined;
  let count = 0;

  const open = async () => {
    const log = (line: string): void => {
      if (line.includes('internal error')) complaints.push(line);
    };
    const broker = EmbeddedBroker.create({ log });
    const createSocket = (): Promise<MemoryDuplex> => Promise.resolve(attach(broker));
    const connection = await connect(broker.url, {
      reconnect: false,
      createSocket,
    });
    const neighbour = await connection.openChannel({
      confirm: true,
      restore: false,
    });
    await neighbour.queueDeclare(QUEUE);
    return { broker, neighbour };
  };

  return {
    name: 'broker',
    corpus: [clientSession(), ...recordings('client')],
    async run(chunks) {
      const { broker, neighbour } = await (opened ??= open());
      const socket = attach(broker);
      // The broker may reset the connection.
      socket.on('error', () => undefined).resume();
      const closed = once(socket, 'close');
      for (const chunk of chunks) socket.write(chunk);
      socket.end();
      await closed;
      if (count++ % LOOK_EVERY === 0) await look(neighbour, `${count}`);
      if (complaints.length > 0) throw new Error(complaints.splice(0).join('\n'));
    },
    async close() {
      const there = await opened;
      await there?.broker.close();
    },
  };
}

/** Returns a client's stream. The broker serves the other half. */
function attach(broker: EmbeddedBroker): MemoryDuplex {
  const [ours, theirs] = memoryDuplexes();
  broker.attach(theirs);
  return ours;
}

async function look(channel: Channel, text: string): Promise<void> {
  await channel.publish('', QUEUE, text);
  const delivery = await channel.basicGet(QUEUE, { noAck: true });
  if (delivery?.text() !== text) throw new Error(`the neighbour got ${delivery?.text()} instead of ${text}`);
}
