import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';

@Injectable()
export class Gauge {
  constructor(private readonly amqp: AmqpConnection) {}

  async measure(sensor: string, value: number): Promise<void> {
    await this.amqp.publish('telemetry', `reading.${sensor}`, { sensor, value });
  }

  async raise(text: string): Promise<void> {
    await this.amqp.publish('telemetry', 'alarm', { text });
  }
}
