/**
 * `node .build/fuzz/test/fuzz/record.js`, after `npm run fuzz`: records the sessions that the fuzzer mutates, against a
 * RabbitMQ of its own, into test/fuzz/recordings.
 */
import { writeFile } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect, Decimal, typed, type Channel, type Connection } from '../../lib/client/index.js';
import { startRabbitMq } from '../support/rabbitmq.js';

const HEADERS = {
  short: typed('int8', -5),
  numbers: [typed('uint8', 5), typed('int16', -5), typed('uint16', 5), 7, typed('uint32', 7), 2 ** 40, 2n ** 60n],
  real: [typed('float', 1.5), 2.5, new Decimal(2, 314)],
  text: 'Grüße',
  bytes: Buffer.of(1, 2, 255),
  when: new Date(1_700_000_000_000),
  nested: { yes: true, no: false, nothing: null, deeper: { deepest: [[], {}] } },
};

const SESSIONS: Record<string, (connection: Connection, channel: Channel) => Promise<void>> = {
  async topology(_, channel) {
    await channel.exchangeDeclare('fuzz.outer', 'topic', { autoDelete: true, durable: false });
    await channel.exchangeDeclare('fuzz.inner', 'headers', { autoDelete: true, durable: false });
    await channel.exchangeBind('fuzz.inner', 'fuzz.outer', 'a.#');
    await channel.queueDeclare('fuzz', { exclusive: true, arguments: { 'x-max-length': 10 } });
    await channel.queueBind('fuzz', 'fuzz.inner', '', { arguments: { 'x-match': 'any', tenant: 7 } });
    await channel.queueDeclare('gone', { passive: true }).catch(() => undefined);
    await channel.queuePurge('fuzz');
    await channel.queueUnbind('fuzz', 'fuzz.inner', '', { arguments: { 'x-match': 'any', tenant: 7 } });
    await channel.exchangeDelete('fuzz.outer');
    await channel.queueDelete('fuzz');
  },
  async messages(_, channel) {
    const { queue } = await channel.queueDeclare('', { exclusive: true });
    await channel.confirmSelect();
    const properties = { contentType: 'text/plain', headers: HEADERS, priority: 3, correlationId: 'c', replyTo: 'r' };
    const more = {
      expiration: '60000',
      messageId: 'm',
      timestamp: HEADERS.when,
      type: 't',
      appId: 'a',
      deliveryMode: 2,
    };
    await channel.publish('', queue, 'hello', { ...properties, ...more });
    await channel.publish('', queue, Buffer.alloc(5_000, 'x'));
    await channel.publish('', queue, '');
    await channel.publish('', 'nowhere', 'returned', { ...properties, mandatory: true }).catch(() => undefined);
    (await channel.basicGet(queue))!.nack();
    let count = 0;
    await new Promise<void>((resolve, reject) => {
      const handler = (delivery: { ack(): void }): void => (delivery.ack(), void (++count === 3 && resolve()));
      channel.basicConsume(queue, handler, { consumerTag: 'fuzz', prefetch: 2 }).catch(reject);
    });
    await channel.basicGet(queue);
    await channel.basicRecover();
    await channel.basicCancel('fuzz');
  },
  async transactions(connection, channel) {
    await channel.txSelect();
    await channel.publish('', 'nowhere', 'x');
    await channel.txCommit();
    await channel.txRollback();
    connection.sendHeartbeat();
  },
};

const rabbit = await startRabbitMq({ source: 'local' });
for (const [name, session] of Object.entries(SESSIONS)) {
  const [sent, received]: [Buffer[], Buffer[]] = [[], []];
  const createSocket = async (): Promise<Socket> => {
    const socket = connectSocket(rabbit.port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = ((chunk: Buffer, ...rest: unknown[]) => {
      sent.push(Buffer.from(chunk));
      return write(chunk, ...rest);
    }) as Socket['write'];
    socket.on('data', (chunk) => received.push(Buffer.from(chunk)));
    return socket;
  };
  const connection = await connect({ urls: rabbit.url, createSocket, frameMax: 4_096, reconnect: false });
  await session(connection, await connection.openChannel());
  await connection.close();
  for (const [side, chunks] of [
    ['client', sent],
    ['broker', received],
  ] as const) {
    // prettier-ignore
    const text = chunks.map((chunk) => `${chunk.toString('base64')}\n`).join('');
    await writeFile(new URL(`../../../../test/fuzz/recordings/${name}.${side}.txt`, import.meta.url), text);
  }
}
await rabbit.stop();
