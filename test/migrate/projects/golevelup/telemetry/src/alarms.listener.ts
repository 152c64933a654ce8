import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';
import { tryThreeTimes } from './try-three-times';

@Injectable()
export class AlarmsListener {
  attempts = 0;
  readonly raised: string[] = [];

  @RabbitSubscribe({
    exchange: 'telemetry',
    routingKey: 'alarm',
    queue: 'alarms',
    errorHandler: tryThreeTimes,
  })
  async onAlarm(alarm: { text: string }) {
    this.attempts++;
    if (this.attempts < 3) throw new Error('the pager does not answer');
    this.raised.push(alarm.text);
  }
}
