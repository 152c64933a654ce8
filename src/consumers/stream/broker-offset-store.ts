import { Buffer } from 'node:buffer';
import { PublisherChannel } from '../../publishers/publisher-channel.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import type { StreamOffsetStore } from './stream-options.js';

/** Limits the queue to the latest offset. */
const ARGUMENTS = { 'x-queue-type': 'classic', 'x-max-length': 1, 'x-overflow': 'drop-head' } as const;

/**
 * Stores offsets on the broker of the stream. Each name has a durable queue for one message, which the next message
 * replaces. The store needs no other service, and every instance of the application can read it.
 */
export class BrokerOffsetStore implements StreamOffsetStore {
  private readonly channel: PublisherChannel;

  constructor(
    private readonly named: NamedConnection,
    private readonly stream: string,
  ) {
    this.channel = new PublisherChannel(named.connections, {});
  }

  /** @throws NotFoundError with `declare: 'verify'` or `'none'`, when the queue is not there */
  async load(name: string): Promise<number | undefined> {
    const queue = this.queueOf(name);
    const { consuming } = await this.named.connections.open();
    return consuming.withScratchChannel(async (channel) => {
      const passive = (this.named.options.topology?.declare ?? 'assert') !== 'assert';
      await channel.queueDeclare(queue, passive ? { passive } : { durable: true, arguments: ARGUMENTS });
      const kept = await channel.basicGet(queue);
      if (!kept) return undefined;
      // Returns the message: it stays the latest offset until another one is saved.
      kept.nack({ requeue: true });
      const offset = Number(kept.text());
      return Number.isSafeInteger(offset) ? offset : undefined;
    });
  }

  async save(name: string, offset: number): Promise<void> {
    await this.channel.publish('', this.queueOf(name), Buffer.from(String(offset)), {
      contentType: 'text/plain',
      deliveryMode: 2,
      mandatory: true,
    });
  }

  private queueOf(name: string): string {
    return `${this.stream}.offset.${name}`;
  }
}
