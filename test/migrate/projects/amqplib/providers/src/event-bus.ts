import { Inject, Injectable } from '@nestjs/common';
import type { Channel } from 'amqplib';
import { AMQP_CHANNEL, EVENTS } from './amqp.providers';

@Injectable()
export class EventBus {
  constructor(@Inject(AMQP_CHANNEL) private readonly channel: Channel) {}

  async emit(type: string, payload: unknown) {
    this.channel.publish(EVENTS, '', Buffer.from(JSON.stringify(payload)), { type, timestamp: Date.now() });
  }
}
