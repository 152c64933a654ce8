import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { BUS_EXCHANGE } from './bus.options';

export interface DomainEvent {
  readonly type: string;
  readonly payload: object;
  readonly correlationId?: string;
}

@Injectable()
export class MessageBus {
  constructor(protected readonly connection: AmqpConnection) {}

  async publish(event: DomainEvent): Promise<void> {
    await this.connection.publish(BUS_EXCHANGE, event.type, event.payload, {
      type: event.type,
      correlationId: event.correlationId,
    });
  }

  async publishAll(events: DomainEvent[]): Promise<void> {
    await Promise.all(events.map((event) => this.publish(event)));
  }
}
