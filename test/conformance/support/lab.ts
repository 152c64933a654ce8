import { afterEach, beforeAll } from '@jest/globals';
import { randomUUID } from 'node:crypto';

import {
  connect,
  type Channel,
  type ChannelOptions,
  type Connection,
  type ConnectionOptions,
  type Delivery,
  type QueueDeclareOptions,
} from '../../../lib/client/index.js';
import { errorOf, eventually } from '../../client/support/client-harness.js';
import { Inbox } from '../../support/inbox.js';
import { runsEmbedded, sharedRabbit } from '../../support/shared-broker.js';
import { differences, type DifferenceId } from '../differences.js';
import { RawClient } from './raw-client.js';

export { errorOf, eventually, Inbox };

/**
 * The clients and names of one test. The broker is that of the Jest project: RabbitMQ, or the embedded broker. The expected
 * results are the same for both, or differ by an entry of differences.ts.
 */
export class Lab {
  readonly embedded = runsEmbedded();
  /** RabbitMQ's major version; the embedded broker behaves like 3. */
  version = 3;
  private connections: Connection[] = [];
  private raws: RawClient[] = [];
  private names = new Map<string, string>();

  get url(): string {
    return sharedRabbit().url;
  }

  /** Opens a connection that is closed after the test. The connection and its channels do not recover from errors. */
  async connect(options: ConnectionOptions = {}): Promise<Connection> {
    const connection = await connect({ urls: this.url, reconnect: false, heartbeat: 0, ...options });
    this.connections.push(connection);
    return connection;
  }

  /** Opens a channel on a connection of its own. */
  async channel(options: ChannelOptions = {}): Promise<Channel> {
    return (await this.connect()).openChannel({ restore: false, ...options });
  }

  /** Opens two channels with confirms on separate connections: one to publish on, one to consume on. */
  async channels(): Promise<[Channel, Channel]> {
    return [await this.channel({ confirm: true }), await this.channel()];
  }

  /** Opens a raw connection with channel 1. */
  async raw(login: Parameters<typeof RawClient.open>[1] = {}): Promise<RawClient> {
    const client = this.track(await RawClient.open(this.url, login));
    await client.openChannel();
    return client;
  }

  /** Opens a socket and sends no bytes. */
  async dial(): Promise<RawClient> {
    return this.track(await RawClient.dial(this.url));
  }

  /** Opens a raw connection without a channel. */
  async rawConnection(login: Parameters<typeof RawClient.open>[1] = {}): Promise<RawClient> {
    return this.track(await RawClient.open(this.url, login));
  }

  /** Returns a unique name; `plain` turns it back into its label. Entities with the name are deleted after the test. */
  name(label = 'q'): string {
    const name = `conformance.${label}.${randomUUID().slice(0, 13)}`;
    this.names.set(name, label);
    return name;
  }

  /** Declares a queue that is deleted after the test. */
  async queue(channel: Channel, options: QueueDeclareOptions = {}, label = 'q'): Promise<string> {
    const name = this.name(label);
    await channel.queueDeclare(name, { durable: false, ...options });
    return name;
  }

  async exchange(channel: Channel, type = 'direct', options = {}, label = 'x'): Promise<string> {
    const name = this.name(label);
    await channel.exchangeDeclare(name, type, { durable: false, ...options });
    return name;
  }

  /** Replaces the names of this test in a text by their labels. */
  plain(text: string): string {
    let plain = text;
    for (const [name, label] of this.names) plain = plain.replaceAll(name, label);
    return plain;
  }

  /** Returns the refusal of a call in one line: `channel 404 by queue.declare: NOT_FOUND - no queue 'q' in vhost '/'`. */
  async refusal(call: Promise<unknown>): Promise<string> {
    const error = await errorOf<Error & { scope?: string; replyCode?: number; replyText?: string; method?: string }>(
      call,
    );
    const cause = error.cause as typeof error | undefined;
    const { scope, replyCode, replyText, method } = error.replyCode === undefined && cause ? cause : error;
    if (replyCode === undefined) throw error;
    return this.plain(`${scope} ${replyCode}${method ? ` by ${method}` : ''}: ${replyText}`);
  }

  /** Returns a raw client's refusal with plain names. */
  async rawRefusal(client: RawClient): Promise<string> {
    return this.plain(await client.refusal());
  }

  /** Returns the expected value of the current broker where the brokers differ. @param id its entry in differences.ts */
  differs<T>(id: DifferenceId, expected: { readonly rabbitmq: T; readonly embedded: T }): T {
    if (!Object.hasOwn(differences, id)) throw new Error(`no difference '${id}'`);
    return this.embedded ? expected.embedded : expected.rabbitmq;
  }

  /** Returns the number of ready messages, by a passive declaration on `channel`. */
  async count(channel: Channel, queue: string): Promise<number> {
    return (await channel.queueDeclare(queue, { passive: true })).messageCount;
  }

  /** Takes all messages out of a queue and returns their texts. */
  async drain(channel: Channel, queue: string): Promise<string[]> {
    const texts: string[] = [];
    for (let next; (next = await channel.basicGet(queue, { noAck: true }));) texts.push(next.text());
    return texts;
  }

  /** Consumes into an inbox. */
  async consume(
    channel: Channel,
    queue: string,
    options: Parameters<Channel['basicConsume']>[2] = {},
  ): Promise<Inbox<Delivery>> {
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume(queue, inbox.add, options);
    return inbox;
  }

  /** @internal */
  async measure(): Promise<void> {
    const client = await RawClient.dial(this.url);
    try {
      client.raw(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
      const { product, version } = (await client.expect('connection.start')).args.serverProperties;
      this.version = product === 'RabbitMQ' ? Number.parseInt(String(version), 10) : 3;
    } finally {
      client.destroy();
    }
  }

  /** @internal */
  async end(): Promise<void> {
    for (const raw of this.raws) raw.destroy();
    await Promise.all(this.connections.map((connection) => connection.close({ timeout: 1_000 })));
    if (this.names.size > 0) await this.deleteNames();
    this.raws = [];
    this.connections = [];
    this.names = new Map();
  }

  private async deleteNames(): Promise<void> {
    const client = await RawClient.open(this.url);
    await client.openChannel();
    for (const name of this.names.keys()) {
      client.send(1, 'queue.delete', { queue: name });
      client.send(1, 'exchange.delete', { exchange: name });
      await client.expect('queue.deleteOk');
      await client.expect('exchange.deleteOk');
    }
    client.destroy();
  }

  private track(client: RawClient): RawClient {
    this.raws.push(client);
    return client;
  }
}

/** Creates the lab of a spec file; called at its top. */
export function useLab(): Lab {
  const lab = new Lab();
  beforeAll(() => lab.measure());
  afterEach(() => lab.end());
  return lab;
}
