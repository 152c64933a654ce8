import { hostname } from 'node:os';
import { PRODUCT_VERSION } from '../../../lib/client/index.js';
import type { Environment } from '../../common/environment.js';
import type { Instance } from './instance-messages.js';

/** Returns this process as an instance, with a new id. */
export function ownInstance({ clock, uniqueId }: Pick<Environment, 'clock' | 'uniqueId'>): Instance {
  return { id: uniqueId(), host: hostname(), pid: process.pid, since: clock.wallTime(), version: PRODUCT_VERSION };
}
