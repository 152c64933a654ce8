import amqp from 'amqplib';
import { randomUUID } from 'node:crypto';

export class RpcClient {
  private connection: amqp.ChannelModel | undefined;
  private channel: amqp.Channel | undefined;
  private replyQueue = '';
  private readonly pending = new Map<string, (reply: string) => void>();

  constructor(private readonly url: string) {}

  async open() {
    this.connection = await amqp.connect(this.url);
    this.channel = await this.connection.createChannel();
    const reply = await this.channel.assertQueue('', { exclusive: true });
    this.replyQueue = reply.queue;
    await this.channel.consume(
      reply.queue,
      (message) => {
        const id = message?.properties.correlationId as string;
        this.pending.get(id)?.(message!.content.toString());
        this.pending.delete(id);
      },
      { noAck: true },
    );
  }

  async ask(queue: string, n: number): Promise<number> {
    const correlationId = randomUUID();
    const reply = new Promise<string>((resolve) => this.pending.set(correlationId, resolve));
    this.channel?.sendToQueue(queue, Buffer.from(String(n)), {
      correlationId,
      replyTo: this.replyQueue,
      expiration: 5000,
    });
    return Number(await reply);
  }

  async close() {
    await this.connection?.close();
  }
}
