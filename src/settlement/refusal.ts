import { isError } from '../common/reason.js';

/**
 * Statuses by which a server asks to try again later: 408, 429 and 503 of RFC 9110, sections 15.5.9 and 15.6.4, and RFC
 * 6585, section 4; 425 of RFC 8470, section 5.2.
 */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429, 503]);

/**
 * Returns true if the error of a guard or a pipe blames the message: an HttpException of 4xx or an RpcException, unless
 * its status is a temporary one. Any other error means that the guard or pipe could not do its work, for example
 * because its database is unreachable. A later attempt may succeed.
 */
export function isRefusal(error: unknown): boolean {
  if (!isError(error)) return false;
  try {
    const { getStatus, getError } = error as { readonly getStatus?: unknown; readonly getError?: unknown };
    if (typeof getStatus === 'function') {
      const status: unknown = getStatus.call(error);
      return typeof status === 'number' && status >= 400 && status < 500 && !TEMPORARY.has(status);
    }
    if (typeof getError !== 'function') return false;
    return !isTemporary(getError.call(error));
  } catch {
    // A user's method has thrown, so nothing blames the message.
    return false;
  }
}

/** The object in an RpcException has its status under one of these names. */
function isTemporary(said: unknown): boolean {
  if (typeof said !== 'object' || said === null) return false;
  const { status, statusCode = status } = said as { readonly status?: unknown; readonly statusCode?: unknown };
  return TEMPORARY.has(Number(statusCode));
}
