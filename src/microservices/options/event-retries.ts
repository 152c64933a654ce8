import type { Random } from '../../../lib/environment/index.js';
import { RetryPolicy, type RetryPlace } from '../../settlement/retry/retry-policy.js';
import { isTakenAsItIs, type AmqpTransportOptions } from './transport-options.js';
import { isExclusive } from './transport-topology.js';

/** Decides the retries of a server's events. @param what owner of the options, for errors @throws ConfigurationError */
export function policyOf(what: string, options: AmqpTransportOptions, random?: Random): RetryPolicy {
  return new RetryPolicy(what, retryOf(options), placeOf(options), random);
}

function retryOf(options: AmqpTransportOptions): AmqpTransportOptions['retry'] {
  if (options.retry !== undefined) return options.retry;
  return isTakenAsItIs(options) ? { attempts: 1, then: 'dead-letter' } : undefined;
}

function placeOf(options: AmqpTransportOptions): RetryPlace {
  if (options.queueOptions?.arguments?.['x-queue-type'] === 'stream') return 'stream';
  return isExclusive(options) ? 'process' : 'broker';
}
