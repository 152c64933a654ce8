import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { describeError } from '../common/log-text.js';
import { framesOf } from '../common/reason.js';
import { FieldLogger } from '../common/field-logger.js';
import { RpcRemoteError } from './rpc.errors.js';

const BAD_GATEWAY = 502;

/**
 * Answers an HTTP request with the status of the remote handler's exception, when a request over AMQP fails with an
 * {@link RpcRemoteError}. Without this filter, Nest answers with 500.
 *
 * - An `HttpException`: its status and response.
 * - An `RpcException` made of an object with a `statusCode` or `status` from 400 to 599: that status and the message.
 * - Any other error, and one that the remote service hides: 502 without the message, and the id of a hidden error. The
 *   error is logged.
 *
 * For hosts other than HTTP, the error is thrown on.
 *
 * @example
 * ```ts
 * @Module({ providers: [{ provide: APP_FILTER, useClass: RpcRemoteErrorFilter }] })
 * export class AppModule {}
 * ```
 *
 * @publicApi
 */
@Catch(RpcRemoteError)
export class RpcRemoteErrorFilter extends BaseExceptionFilter<RpcRemoteError> {
  private readonly logger = new FieldLogger('RpcRemoteErrorFilter');

  /** Answers an HTTP request. @throws the error for any other host */
  override catch(error: RpcRemoteError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- it is the method of a filter
    super.catch(this.exceptionOf(error) as unknown as RpcRemoteError, host);
  }

  private exceptionOf(error: RpcRemoteError): HttpException {
    const { message, data, errorId } = error;
    if (isStatus(error.statusCode)) return new HttpException(isObject(data) ? data : message, error.statusCode);
    const { statusCode, status = statusCode } = isObject(data) ? (data as Readonly<Record<string, unknown>>) : {};
    if (isStatus(status)) return new HttpException(message, status);
    this.logger.error(`A remote handler has failed: ${describeError(error)}`, { errorId }, framesOf(error));
    return new HttpException({ statusCode: BAD_GATEWAY, message: STATUS_CODES[BAD_GATEWAY], errorId }, BAD_GATEWAY);
  }
}

/** A reply is input: a status of success, or none at all, must not answer the HTTP request. */
function isStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
}

function isObject(data: unknown): data is object {
  return typeof data === 'object' && data !== null;
}
