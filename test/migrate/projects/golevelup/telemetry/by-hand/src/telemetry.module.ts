import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, classicQueue, topicExchange } from 'nest-amqp';
import { AlarmsListener } from './alarms.listener';
import { ReadingsListener } from './readings.listener';
import { Gauge } from './gauge';

@Module({
  imports: [
    AmqpModule.forRoot({
      url: process.env.AMQP_URL as string,
      prefetch: 100,
      topology: {
        exchanges: [topicExchange('telemetry')],
        queues: [classicQueue('readings'), classicQueue('alarms')],
        bindings: [
          bindQueue('readings', 'telemetry', 'reading.#'),
          bindQueue('alarms', 'telemetry', 'alarm'),
        ],
      },
    }),
  ],
  providers: [ReadingsListener, AlarmsListener, Gauge],
})
export class TelemetryModule {}
