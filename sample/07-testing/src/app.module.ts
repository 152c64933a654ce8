import { Module } from '@nestjs/common';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { Mailer } from './mailer.js';
import { SignUps } from './sign-ups.service.js';
import { WelcomeConsumer } from './welcome.consumer.js';

@Module({
  imports: [
    AmqpModule.forRootAsync({
      useFactory: () => ({
        url: process.env['AMQP_URL'] ?? '',
        connectionName: 'sample-07',
        topology: {
          exchanges: [topicExchange('users')],
          queues: [quorumQueue('welcome')],
          bindings: [bindQueue('welcome', 'users', 'user.signed-up')],
        },
      }),
    }),
  ],
  providers: [Mailer, SignUps, WelcomeConsumer],
})
export class AppModule {}
