import { systemEnvironment } from '../common/environment.js';
import type { ConsumerFailure } from './consumer-failure.js';
import { RetryPolicy } from './retry/retry-policy.js';
import { Settler } from './settler.js';

/** Makes a settler without a broker for unit specs. It rejects messages that fail, since they cannot be parked. */
export function settlerWithoutBroker(name: string, report: (failure: ConsumerFailure) => void = () => {}): Settler {
  const consumer = {
    name,
    queue: 'billing',
    ack: 'auto' as const,
    timeout: undefined,
    redeliver: () => true,
    stop() {},
    onHeldChange() {},
  };
  const nowhere = {
    prepare: async () => ({ user: undefined, deliveryLimit: Infinity }),
    park: async () => {},
    retry: async () => {},
    close: async () => {},
  };
  const policy = new RetryPolicy(name, { attempts: 1, then: 'dead-letter' }, 'broker');
  return new Settler(consumer, policy, nowhere, report, systemEnvironment);
}
