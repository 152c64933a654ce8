import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { AlarmsListener } from './alarms.listener';
import { ReadingsListener } from './readings.listener';
import { Gauge } from './gauge';

@Module({
  imports: [
    RabbitMQModule.forRoot({
      uri: process.env.AMQP_URL as string,
      exchanges: [{ name: 'telemetry', type: 'topic' }],
      handlers: {
        readings: {
          exchange: 'telemetry',
          routingKey: 'reading.#',
          queue: 'readings',
          queueOptions: { durable: true, consumerOptions: { consumerTag: 'readings-1' } },
        },
      },
      prefetchCount: 100,
    }),
  ],
  providers: [ReadingsListener, AlarmsListener, Gauge],
})
export class TelemetryModule {}
