import { RabbitMQConfig, RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Global, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Exchanges } from './messaging.constants';

@Global()
@Module({
  imports: [
    RabbitMQModule.forRootAsync({
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: (config: ConfigService): RabbitMQConfig => {
        const uri = config.getOrThrow<string>('AMQP_URL');
        return {
          uri,
          exchanges: [
            { name: Exchanges.Orders, type: 'topic', options: { durable: true } },
            { name: Exchanges.DeadLetters, type: 'topic', options: { durable: true } },
          ],
          channels: {
            fast: { prefetchCount: 50, default: true },
            shipping: { prefetchCount: 1 },
          },
        };
      },
    }),
  ],
  exports: [RabbitMQModule],
})
export class MessagingModule {}
