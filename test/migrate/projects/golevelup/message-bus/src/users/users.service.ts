import { Injectable } from '@nestjs/common';
import { MessageBus } from '../bus/message-bus.service';

@Injectable()
export class UsersService {
  constructor(private readonly bus: MessageBus) {}

  async signUp(email: string) {
    await this.bus.publish({ type: 'user.signed-up', payload: { email }, correlationId: email });
  }
}
