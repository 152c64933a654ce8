import type { ConfirmChannel } from 'amqplib';

export class TaskPublisher {
  constructor(private readonly channel: ConfirmChannel) {}

  async add(key: string, task: unknown, priority = 0): Promise<void> {
    this.channel.publish('tasks', key, Buffer.from(JSON.stringify(task)), {
      deliveryMode: 2,
      priority,
      headers: { 'x-attempt': 1 },
    });
    await this.channel.waitForConfirms();
  }
}
