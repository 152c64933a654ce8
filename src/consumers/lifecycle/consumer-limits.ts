import { ConfigurationError } from '../../../lib/client/index.js';
import { count, PREFETCH } from '../../common/count.js';
import { refuseUnknown } from '../../common/known-options.js';

/**
 * New limits of a consumer, for {@link AmqpConsumerRegistry.adjust}. A limit that is left out stays.
 *
 * @publicApi
 */
export interface ConsumerLimits {
  /** Maximum number of unacknowledged messages that the broker delivers, to 65,535; 0 and Infinity: no limit. */
  readonly prefetch?: number;
  /** Maximum number of handlers that run at once, from 1. Infinity: as many as `prefetch` allows. */
  readonly concurrency?: number;
}

const WHERE = 'AmqpConsumerRegistry.adjust()';

/** Returns the limits that are given. @throws ConfigurationError */
export function checkedLimits(limits: ConsumerLimits): ConsumerLimits {
  refuseUnknown(WHERE, limits, ['prefetch', 'concurrency']);
  const { prefetch, concurrency } = limits;
  if (prefetch === undefined && concurrency === undefined) {
    throw new ConfigurationError(`${WHERE}: give a prefetch, a concurrency, or both`);
  }
  return {
    ...(prefetch === undefined ? {} : { prefetch: count(prefetch, `${WHERE}: prefetch`, PREFETCH) }),
    ...(concurrency === undefined ? {} : { concurrency: count(concurrency, `${WHERE}: concurrency`, { min: 1 }) }),
  };
}
