import type { Channel, ConsumeMessage } from 'amqplib';
import { FAILED, RETRY, WORK } from './topology';

const ATTEMPTS = 3;

export class TaskConsumer {
  constructor(
    private readonly channel: Channel,
    private readonly handle: (task: any) => Promise<void>,
  ) {}

  async start(): Promise<void> {
    await this.channel.consume(WORK, (message) => {
      if (message) void this.onMessage(message);
    });
  }

  private async onMessage(message: ConsumeMessage): Promise<void> {
    try {
      await this.handle(JSON.parse(message.content.toString()));
    } catch {
      await this.putOff(message);
    }
    this.channel.ack(message);
  }

  private async putOff(message: ConsumeMessage): Promise<void> {
    const attempt = Number(message.properties.headers?.['x-attempt'] ?? 1);
    const queue = attempt < ATTEMPTS ? RETRY : FAILED;
    this.channel.sendToQueue(queue, message.content, { persistent: true, headers: { 'x-attempt': attempt + 1 } });
  }
}
