import { Injectable, Logger } from '@nestjs/common';

/** Sends mails through an external service. Tests replace this class; it has nothing to do with AMQP. */
@Injectable()
export class Mailer {
  private readonly logger = new Logger('Mailer');

  async send(to: string, text: string): Promise<void> {
    this.logger.log(`To ${to}: ${text}`);
  }
}
