import { Catch, HttpStatus, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AmqpError, MessageReturnedError } from 'nest-amqp/client';

/** Maps a failed publish to an HTTP status: 422 when no queue takes the message, 503 when the broker cannot accept it now. */
@Catch(AmqpError)
export class AmqpErrorFilter implements ExceptionFilter<AmqpError> {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: AmqpError, host: ArgumentsHost): void {
    const returned = error instanceof MessageReturnedError;
    const statusCode = returned ? HttpStatus.UNPROCESSABLE_ENTITY : HttpStatus.SERVICE_UNAVAILABLE;
    const broker = returned ? { replyCode: error.replyCode, replyText: error.replyText } : {};
    const answer = { statusCode, error: error.name, message: error.message, ...broker };
    this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse(), answer, statusCode);
  }
}
