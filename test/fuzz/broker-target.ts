import { once } from 'node:events';
import { createConnection } from 'node:net';
import { EmbeddedBroker } from '../../lib/broker/index.js';
import { connect, type Channel } from '../../lib/client/index.js';
import { clientSession } from './client-session.js';
import { recordings } from './corpus.js';
import type { FuzzTarget } from './target.js';

/** Inputs between two looks at whether the others are well: a look costs as much as an input. */
const LOOK_EVERY = 20;
const QUEUE = 'healthy';

/** A target that holds something open until it is closed. */
export interface OpenFuzzTarget extends FuzzTarget {
  close(): Promise<void>;
}

/**
 * The socket of an embedded broker: whatever comes ends in a close, without an internal error, and the connection
 * beside it goes on publishing and getting.
 */
export function brokerTarget(): OpenFuzzTarget {
  const complaints: string[] = [];
  let opened: Promise<{ broker: EmbeddedBroker; neighbour: Channel }> | undefined;
  let count = 0;

  const open = async () => {
    const log = (line: string): void => {
      if (line.includes('internal error')) complaints.push(line);
    };
    const broker = await EmbeddedBroker.start({ log });
    const connection = await connect(broker.url, { reconnect: false });
    const neighbour = await connection.openChannel({ confirm: true, restore: false });
    await neighbour.queueDeclare(QUEUE);
    return { broker, neighbour };
  };

  return {
    name: 'broker',
    corpus: [clientSession(), ...recordings('client')],
    async run(chunks) {
      const { broker, neighbour } = await (opened ??= open());
      const socket = createConnection({ port: broker.port, host: '127.0.0.1' });
      // A reset is the broker's right.
      socket.on('error', () => undefined).resume();
      const closed = once(socket, 'close');
      await once(socket, 'connect');
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

async function look(channel: Channel, text: string): Promise<void> {
  await channel.publish('', QUEUE, text);
  const delivery = await channel.basicGet(QUEUE, { noAck: true });
  if (delivery?.text() !== text) throw new Error(`the neighbour got ${delivery?.text()} instead of ${text}`);
}
