import { describe, expect, it, jest } from '@jest/globals';
import * as net from 'node:net';
import {
  AmqpError,
  ConfigurationError,
  connect,
  createConnection,
  type Connection,
  type ConnectionOptions,
} from '../../lib/client/index.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

/** Values that JavaScript code can throw. */
const thrown: readonly unknown[] = [null, undefined, 'a text', 7, Symbol('a symbol'), Object.create(null)];

describe("D5 the user's callbacks cannot break a connection", () => {
  const harness = useClientHarness();

  it.each([[false], [true]])('D5 onTooLarge that throws is a handlerError; noAck: %s', async (noAck) => {
    const publisher = await (await harness.connect()).openChannel({ confirm: true });
    const connection = await harness.connect({ maxMessageSize: 10 });
    const channel = await connection.openChannel();
    const { queue } = await publisher.queueDeclare(harness.name());
    const errors = new Inbox<unknown>();
    channel.on('handlerError', (error) => errors.add(error));
    const told: string[] = [];
    let calls = 0;
    await channel.basicConsume(queue, (delivery) => void told.push(delivery.text()), {
      noAck,
      onTooLarge: (delivery) => {
        calls++;
        if (!delivery.settled) delivery.ack();
        if (calls === 1) throw new Error('in the call');
        return Promise.reject(new Error('later'));
      },
    });
    const lost = jest.fn();
    connection.on('disconnected', lost);
    for (const body of ['eleven bytes', 'twelve bytes', 'small']) await publisher.publish('', queue, body);
    expect((await errors.take(2)).map(String)).toEqual(['Error: in the call', 'Error: later']);
    await channel.queueDeclare(queue, { passive: true });
    expect([calls, told, lost.mock.calls]).toEqual([2, ['small'], []]);
  });

  it('D5 a handler whose result has a `then` getter that throws ends with an error', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const { queue } = await channel.queueDeclare(harness.name(), { exclusive: true });
    const errors = new Inbox<unknown>();
    channel.on('handlerError', (error) => errors.add(error));
    const result = {
      get then(): unknown {
        throw new Error('not to be read');
      },
    };
    const consumer = await channel.basicConsume(queue, () => result, { noAck: true, concurrency: 1 });
    for (const body of ['one', 'two']) await channel.publish('', queue, body);
    expect((await errors.take(2)).map(String)).toEqual(['Error: not to be read', 'Error: not to be read']);
    await consumer.idle();
    expect(connection.state).toBe('open');
  });

  it.each(thrown.map((value) => [String(Object.is(value, thrown[5]) ? 'an object' : String(value)), value]))(
    'D5 a function of the options that throws %s: connect() has a typed error, a reconnect tries again',
    async (_, value) => {
      const options = (throws: () => boolean): ConnectionOptions[] => {
        const may = (): void => {
          if (throws()) throw value;
        };
        const { url, port } = sharedRabbit();
        const makeSocket = async (): Promise<net.Socket> => {
          may();
          return net.connect(port);
        };
        const mechanism = {
          name: 'PLAIN',
          initialResponse: () => {
            may();
            return Buffer.from('\0guest\0guest');
          },
        };
        const urls = (): string => {
          may();
          return url;
        };
        return [{ urls }, { createSocket: makeSocket }, { mechanisms: [mechanism] }];
      };
      for (const one of options(() => true)) {
        const error = await errorOf<AmqpError>(harness.connect(one));
        expect(error).toBeInstanceOf(AmqpError);
        expect(error.cause === value || (error.cause as Error).cause === value).toBe(true);
      }
      for (let kind = 0; kind < 3; kind++) {
        let failing = 0;
        const connection = await harness.connect(options(() => failing-- > 0)[kind]!);
        const failed = eventOf<[AmqpError]>(connection, 'reconnectFailed');
        const back = eventOf(connection, 'reconnected');
        failing = 2;
        (connection.socket as net.Socket).resetAndDestroy();
        expect((await failed)[0]).toBeInstanceOf(AmqpError);
        await back;
      }
    },
  );

  it('D5 a resolver that throws undefined is called again after a delay, not at once', async () => {
    let asked = 0;
    const connection: Connection = harness.watch(
      createConnection({
        urls: () => {
          asked++;
          if (asked > 100) return sharedRabbit().url;
          return Promise.reject(undefined);
        },
        reconnect: { attempts: 3, initialDelay: 10, maxDelay: 20 },
        clock: harness.clock,
      }),
    );
    const told: string[] = [];
    connection.on('reconnectFailed', ({ message }) => told.push(message));
    await connection.closed;
    expect(asked).toBe(3);
    expect(told).toEqual(['urls failed with undefined', 'urls failed with undefined']);
  });

  it.each([[null], [0], ['a text']])(
    'D5 a signal that is aborted with %p ends connect() with that reason',
    async (reason) => {
      const accepted = new Inbox<unknown>();
      const server = await harness.server((peer) => accepted.add(peer));
      const controller = new AbortController();
      const connecting = connect(server.url, { signal: controller.signal, clock: harness.clock });
      await accepted.take();
      controller.abort(reason);
      expect(
        await connecting.then(
          () => 'open',
          (error: unknown) => error,
        ),
      ).toBe(reason);
    },
  );

  it('D5 a socket that reads text, or a value that is not a socket, is named in the error', async () => {
    const texts = async (): Promise<net.Socket> => net.connect(sharedRabbit().port).setEncoding('utf8');
    expect((await errorOf(harness.connect({ createSocket: texts }))).message).toMatch(/setEncoding/);
    for (const none of [null, {}, 5]) {
      const createSocket = (() => none) as unknown as NonNullable<ConnectionOptions['createSocket']>;
      const error = await errorOf(harness.connect({ createSocket }));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/createSocket/);
    }
  });
});
