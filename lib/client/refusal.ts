import type { MethodName } from '../protocol/types.js';
import { ChannelClosedError, ChannelError } from './errors.js';

/** Returns true if the broker has closed the channel because of this call, not because of another one. */
export function isRefusalOf(method: MethodName, error: unknown): error is ChannelError {
  return error instanceof ChannelError && error.method === method && !(error instanceof ChannelClosedError);
}
