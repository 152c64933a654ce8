import { CHECKED_AT, type BasicPublishOptions } from '../../../lib/client/index.js';
import { systemClock } from '../../../lib/environment/index.js';

/** Options of a publish that the client sends without checking them, for a broker that has to refuse them. */
export function unchecked(options: BasicPublishOptions): BasicPublishOptions {
  return { ...options, [CHECKED_AT]: systemClock.now() } as BasicPublishOptions;
}
