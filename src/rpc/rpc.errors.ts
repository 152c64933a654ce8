import { AmqpError, TimeoutError } from '../../lib/client/index.js';

/** The other side has handled the request, and failed. */
export class RpcRemoteError extends AmqpError {
  static {
    this.prototype.name = 'RpcRemoteError';
  }

  constructor(
    /** The other side's words. */
    message: string,
    /** Name of the error there: `NotFoundException`. */
    readonly remoteName: string,
    /** What an `RpcException` or `HttpException` carried there. */
    readonly data: unknown,
  ) {
    super(message);
  }
}

/** No reply within the deadline. Whether the request was, or still will be, handled is unknown. */
export class RpcTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'RpcTimeoutError';
  }
}
