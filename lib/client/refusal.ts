import type { MethodName } from '../protocol/types.js';
import { ChannelClosedError, ChannelError } from './errors.js';

/** Tells whether the broker closed the channel because of this call, and not because of another. */
export function isRefusalOf(method: MethodName, error: unknown): error is ChannelError {
  return error instanceof ChannelError && error.method === method && !(error instanceof ChannelClosedError);
}
