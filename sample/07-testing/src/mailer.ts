import { Injectable, Logger } from '@nestjs/common';

/** Sends mails, by some service elsewhere. Tests replace it: it is nobody's idea of AMQP. */
@Injectable()
export class Mailer {
  private readonly logger = new Logger('Mailer');

  async send(to: string, text: string): Promise<void> {
    this.logger.log(`To ${to}: ${text}`);
  }
}
