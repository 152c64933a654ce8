import { AmqpError, TimeoutError } from '../../lib/client/index.js';

/** The handler of the other side failed. */
export class RpcRemoteError extends AmqpError {
  static {
    this.prototype.name = 'RpcRemoteError';
  }

  constructor(
    /** The message of the handler's error. */
    message: string,
    /** The name of the handler's error, such as `NotFoundException`. */
    readonly remoteName: string,
    /** The data of an `RpcException` or `HttpException`. */
    readonly data: unknown,
  ) {
    super(message);
  }
}

/** No reply arrived within the timeout. The request may have been handled, or may still be handled. */
export class RpcTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'RpcTimeoutError';
  }
}
