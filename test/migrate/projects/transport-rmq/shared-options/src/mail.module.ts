import { Controller, Injectable, Module, UseFilters } from '@nestjs/common';
import { BaseRpcExceptionFilter, ClientProxy, ClientProxyFactory, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { mailClient } from './config/rmq';

@Controller()
export class MailController {
  readonly sent: string[] = [];

  @UseFilters(new BaseRpcExceptionFilter())
  @MessagePattern('mail.send')
  send(@Payload('to') to: string) {
    this.sent.push(to);
    return this.sent.length;
  }
}

@Injectable()
export class Mailer {
  private readonly client: ClientProxy = ClientProxyFactory.create(mailClient);

  send(to: string): Promise<number> {
    return firstValueFrom(this.client.send('mail.send', { to }));
  }

  onModuleDestroy() {
    return this.client.close();
  }
}

@Module({ controllers: [MailController], providers: [Mailer] })
export class MailModule {}
