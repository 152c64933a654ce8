import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ConfirmingPublisher } from 'nest-amqp';
import type { User } from './user.js';

@Injectable()
export class SignUps {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  async signUp(email: string): Promise<User> {
    const user = { id: randomUUID(), email };
    await this.publisher.publish('users', 'user.signed-up', user, { messageId: user.id });
    return user;
  }
}
