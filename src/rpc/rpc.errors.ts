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
  /** The status of the handler's `HttpException`. Undefined for any other error. */
  readonly statusCode: number | undefined;
  /** The id of an error that the handler's service hides: its log has the same id. Undefined for an error that it tells. */
  readonly errorId: string | undefined;

  constructor(
    /** The message of the handler's error, or `internal error` with an id for an error that is hidden. */
    message: string,
    /** The name of the handler's error, such as `NotFoundException`. `Error` for an error that is hidden. */
    readonly remoteName: string,
    /** The data of an `RpcException` or `HttpException`. */
    readonly data: unknown,
    more: { readonly statusCode?: number | undefined; readonly errorId?: string | undefined } = {},
  ) {
    super(message);
    this.statusCode = more.statusCode;
    this.errorId = more.errorId;
  }
}

/**
 * No reply arrived within the timeout. The request may have been handled, or may still be handled.
 *
 * @publicApi
 */
export class RpcTimeoutError extends TimeoutError {}

nameErrors({ RpcRemoteError, RpcTimeoutError });
