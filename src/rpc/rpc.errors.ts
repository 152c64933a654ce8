import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError, TimeoutError } from '../../lib/client/index.js';

/**
 * The handler of a request has failed. The reply contained its error.
 *
 * @example
 * ```ts
 * try {
 *   return await publisher.request<number>('', 'prices', { item });
 * } catch (error) {
 *   if (error instanceof RpcRemoteError && error.remoteName === 'NotFoundException') return undefined;
 *   throw error;
 * }
 * ```
 *
 * @publicApi
 */
export class RpcRemoteError extends AmqpError {
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

/**
 * No reply arrived within the timeout. The request may have been handled, or may still be handled.
 *
 * @publicApi
 */
export class RpcTimeoutError extends TimeoutError {}

nameErrors({ RpcRemoteError, RpcTimeoutError });
