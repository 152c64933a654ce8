import { describe, expect, it } from '@jest/globals';
import { bindExchange, bindQueue } from './bindings.js';
import { fanoutExchange, topicExchange } from './exchanges.js';
import { classicQueue, quorumQueue, serverNamedQueue } from './queues.js';
import { sharedTopology } from './shared-topology.js';

describe('the topology that the publishing connection declares', () => {
  it('lacks what ends with a connection, a consumer or a binding, and the bindings of it', () => {
    const [orders, passing] = [topicExchange('orders'), fanoutExchange('passing', { autoDelete: true })];
    const billing = quorumQueue('billing');
    const kept = [bindQueue('billing', 'orders', '#')];
    const topology = {
      declare: 'assert' as const,
      exchanges: [orders, passing],
      queues: [
        billing,
        classicQueue('exclusive', { exclusive: true }),
        classicQueue('auto', { autoDelete: true }),
        serverNamedQueue('own'),
      ],
      bindings: [
        ...kept,
        bindQueue('exclusive', 'orders', '#'),
        bindQueue('auto', 'orders', '#'),
        bindQueue('own', 'orders', '#'),
        bindQueue('billing', 'passing'),
        bindExchange('passing', 'orders', '#'),
      ],
    };
    expect(sharedTopology(topology)).toEqual({
      declare: 'assert',
      exchanges: [orders],
      queues: [billing],
      bindings: kept,
    });
  });

  it('is empty for an empty topology', () => {
    expect(sharedTopology({})).toEqual({ exchanges: [], queues: [], bindings: [] });
  });
});
