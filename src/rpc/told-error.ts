import type { ValueCheck } from '../common/option-values.js';
import { isError } from '../common/reason.js';
import { ContractError } from '../contracts/contract.errors.js';
import { UndecodableMessageError } from '../serialization/serialization.errors.js';

/**
 * What a requester learns of a failed request.
 *
 * @publicApi
 */
export interface RpcErrorReply {
  /** The message that `RpcRemoteError` gets. */
  readonly message: string;
  /** The name of the error, see {@link RpcRemoteError.remoteName}. Default `'Error'`. */
  readonly name?: string;
  /** Anything that JSON can encode, see {@link RpcRemoteError.data}. Default: no data. */
  readonly data?: unknown;
  /** The HTTP status, see {@link RpcRemoteError.statusCode}. Default: no status. */
  readonly statusCode?: number | undefined;
}

/**
 * Returns what a requester learns of an error; undefined for what it learns by default. An error that the mapper throws is
 * logged, and the requester learns of an internal error.
 *
 * @example
 * ```ts
 * const stockErrors: RpcErrorMapper = (error) =>
 *   error instanceof StockError ? { name: 'StockError', message: error.message, statusCode: 409 } : undefined;
 * ```
 *
 * @publicApi
 */
export type RpcErrorMapper = (error: unknown) => RpcErrorReply | undefined;

/**
 * Chooses what a requester learns of an error of the handler. A stack never leaves the process.
 *
 * - `exceptions` (the default): name, message and data of an `HttpException` or `RpcException`, and why the request cannot
 *   be decoded or breaks its contract. Of any other error the requester learns `internal error` and an id. The log line of
 *   the failure and {@link ConsumerFailure.errorId} have the same id.
 * - `message`: name and message of every error.
 * - `none`: `internal error` and an id, for every error.
 * - a {@link RpcErrorMapper}.
 *
 * @publicApi
 */
export type RpcErrors = 'exceptions' | 'message' | 'none' | RpcErrorMapper;

/** The error as the requester learns of it. */
export interface ToldError extends RpcErrorReply {
  /** Set if the reply hides the error. The log has the same id. */
  readonly id?: string;
}

const NAMED: ReadonlySet<unknown> = new Set(['exceptions', 'message', 'none']);

export const RPC_ERRORS: ValueCheck = {
  fits: (value) => typeof value === 'function' || NAMED.has(value),
  expected: "'exceptions', 'message', 'none' or a function that returns the reply to an error",
};

/** The parts of {@link toldError}. */
export interface Telling {
  readonly errors: RpcErrors;
  readonly newId: () => string;
  /** Called with an error of the user's mapper. */
  readonly onMapperError: (error: unknown) => void;
}

/** Returns what the requester learns of the error. Never throws. */
export function toldError(error: unknown, { errors, newId, onMapperError }: Telling): ToldError {
  let rule: Exclude<RpcErrors, RpcErrorMapper> = 'exceptions';
  if (typeof errors === 'function') {
    try {
      const mapped = errors(error);
      if (mapped !== undefined) return checked(mapped);
    } catch (mapperError) {
      onMapperError(mapperError);
      rule = 'none';
    }
  } else rule = errors;
  const exception = rule === 'none' ? undefined : exceptionIn(error);
  if (exception) return exception;
  if (rule === 'message' || (rule === 'exceptions' && blamesRequest(error))) return named(error);
  const id = newId();
  return { name: 'Error', message: `internal error ${id}`, id };
}

/** The requester has caused it. A reply that breaks its contract is the handler's own error. */
function blamesRequest(error: unknown): boolean {
  return error instanceof UndecodableMessageError || (error instanceof ContractError && error.part === 'request');
}

/** @throws TypeError */
function checked(mapped: RpcErrorReply): RpcErrorReply {
  const { message, name = 'Error', data, statusCode } = mapped;
  const isStatus = statusCode === undefined || typeof statusCode === 'number';
  if (typeof message !== 'string' || typeof name !== 'string' || !isStatus) {
    throw new TypeError('the function `errors` must return undefined, or an object whose message is a string');
  }
  return { name, message, data, statusCode };
}

/** Tells nothing of a thrown value that is not an error, since it may be the payload. */
function named(error: unknown): RpcErrorReply {
  const { name = 'Error', message = 'the handler has failed' } = isError(error) ? (error as Partial<Error>) : {};
  return { name: String(name), message: String(message) };
}

/**
 * Returns what an `HttpException` or `RpcException` says, undefined for any other error. Recognises both by their methods,
 * because the package of `RpcException` is optional.
 */
function exceptionIn(error: unknown): RpcErrorReply | undefined {
  if (!isError(error)) return undefined;
  try {
    const { getError, getResponse, getStatus } = error as Partial<
      Record<'getError' | 'getResponse' | 'getStatus', unknown>
    >;
    if (typeof getResponse === 'function' && typeof getStatus === 'function') {
      const status: unknown = getStatus.call(error);
      const data: unknown = getResponse.call(error);
      return { ...named(error), data, statusCode: typeof status === 'number' ? status : undefined };
    }
    if (typeof getError === 'function') return { ...named(error), data: getError.call(error) as unknown };
  } catch {
    // The methods are the user's. An error that cannot be read is no exception of Nest.
  }
  return undefined;
}
