import { Injectable } from '@nestjs/common';
import { AmqpConsumer, fixed, Payload } from 'nest-amqp';

@Injectable()
export class AlarmsListener {
  attempts = 0;
  readonly raised: string[] = [];

  @AmqpConsumer('alarms', { retry: { attempts: 3, backoff: fixed(50), then: 'discard' } })
  async onAlarm(@Payload() alarm: { text: string }) {
    this.attempts++;
    if (this.attempts < 3) throw new Error('the pager does not answer');
    this.raised.push(alarm.text);
  }
}
