import { describe, expect, it } from '@jest/globals';
import { bindExchange, bindQueue } from '../../topology/bindings.js';
import { headersExchange, topicExchange } from '../../topology/exchanges.js';
import { KnownTopology } from '../../topology/known-topology.js';
import { classicQueue, quorumQueue } from '../../topology/queues.js';
import { Topologies } from './topologies.js';

function topologiesOf(topology: KnownTopology): Topologies {
  return new Topologies({ all: () => [{ name: 'default', connections: { topology } }] as never });
}

describe('Topologies', () => {
  it('shows exchanges, and every way that a message can take', () => {
    const topology = new KnownTopology({
      exchanges: [topicExchange('orders', { alternateExchange: 'lost' }), headersExchange('documents')],
      queues: [quorumQueue('billing', { deadLetterExchange: 'failed' }), classicQueue('wait', toBilling)],
      bindings: [
        bindQueue('billing', 'orders', 'order.*'),
        bindExchange('documents', 'orders', '#'),
        bindQueue('wait', 'documents', '', { arguments: { 'x-match': 'any', pages: 3n } }),
      ],
    });
    const [shown] = topologiesOf(topology).current;
    expect(shown).toMatchObject({
      connection: 'default',
      exchanges: [
        { name: 'orders', type: 'topic' },
        { name: 'documents', type: 'headers' },
      ],
    });
    const told = shown!.links.map(({ kind, from, to, key }) => `${kind} ${from.name} > ${to.kind} ${to.name} ${key}`);
    expect(told).toEqual([
      'binding orders > queue billing order.*',
      'binding orders > exchange documents #',
      'binding documents > queue wait x-match=any, pages=3',
      'alternate orders > exchange lost ',
      'dead-letter billing > exchange failed ',
      'dead-letter wait > queue billing billing',
    ]);
  });

  it('is the same object until something is declared or deleted', () => {
    const topology = new KnownTopology();
    const topologies = topologiesOf(topology);
    const first = topologies.current;
    expect(topologies.current).toBe(first);
    topology.add({ exchanges: [topicExchange('orders')] });
    expect(topologies.current[0]!.exchanges).toEqual([{ name: 'orders', type: 'topic' }]);
    expect(topologies.current).toBe(topologies.current);
  });
});

const toBilling = { deadLetterExchange: '', deadLetterRoutingKey: 'billing' };
