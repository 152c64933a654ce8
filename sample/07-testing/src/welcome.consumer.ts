import { Injectable } from '@nestjs/common';
import { AmqpConsumer, ConfirmingPublisher, exponential, Payload, RejectMessage } from 'nest-amqp';
import { Mailer } from './mailer.js';
import type { User } from './user.js';

/** Welcomes each user who has signed up. */
@Injectable()
export class WelcomeConsumer {
  constructor(
    private readonly mailer: Mailer,
    private readonly publisher: ConfirmingPublisher,
  ) {}

  @AmqpConsumer('welcome', { retry: { attempts: 4, backoff: exponential('1m', '10m', { jitter: false }) } })
  async onSignUp(@Payload() user: User): Promise<void> {
    // A retry cannot help.
    if (!user.email.includes('@')) throw new RejectMessage('no address');
    await this.mailer.send(user.email, 'Welcome!');
    // Publishes the event for any interested service.
    await this.publisher.publish('users', 'user.welcomed', { id: user.id }, { mandatory: false });
  }
}
