import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import type { Channel, ConsumeMessage } from 'amqplib';
import { AMQP_CHANNEL, EVENTS } from './amqp.providers';

@Injectable()
export class Subscriber implements OnModuleInit {
  readonly received: [string, unknown][] = [];

  constructor(@Inject(AMQP_CHANNEL) private readonly channel: Channel) {}

  async onModuleInit() {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    await this.channel.bindQueue(queue, EVENTS, '');
    await this.channel.consume(queue, this.handle.bind(this), { noAck: true, priority: 2 });
  }

  private handle(message: ConsumeMessage | null) {
    if (message) this.received.push([message.properties.type!, JSON.parse(message.content.toString('utf8'))]);
  }
}
