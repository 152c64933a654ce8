import { describe, expect, it } from '@jest/globals';
import { bindExchange, bindQueue } from './bindings.js';
import { topicExchange } from './exchanges.js';
import { KnownTopology } from './known-topology.js';
import { classicQueue } from './queues.js';

const given = {
  exchanges: [topicExchange('orders'), topicExchange('audit')],
  queues: [classicQueue('billing')],
  bindings: [bindQueue('billing', 'orders', 'a'), bindExchange('audit', 'orders', '#'), bindQueue('billing', 'audit')],
};

describe('KnownTopology', () => {
  it('has what was given, with declare: assert by default', () => {
    const topology = new KnownTopology(given);
    expect(topology.options).toEqual({ declare: 'assert', ...given, bindings: expect.arrayContaining(given.bindings) });
    expect(topology.options.bindings).toHaveLength(3);
    expect(new KnownTopology({ declare: 'none' }).declare).toBe('none');
    expect(new KnownTopology().options).toEqual({ declare: 'assert', exchanges: [], queues: [], bindings: [] });
  });

  it('tells what it was given from what was added', () => {
    const topology = new KnownTopology(given);
    topology.add({ queues: [classicQueue('tenant')], exchanges: [topicExchange('tenants')] });
    expect(topology.isGiven(topology.queue('billing'))).toBe(true);
    expect(topology.isGiven(topology.exchange('orders'))).toBe(true);
    expect(topology.isGiven(topology.queue('tenant'))).toBe(false);
    expect(topology.isGiven(topology.queue('nobody'))).toBe(false);
  });

  it('has a version that grows with each change', () => {
    const topology = new KnownTopology(given);
    const changes: (() => unknown)[] = [
      () => topology.add({ queues: [classicQueue('tenant')] }),
      () => topology.removeBinding(bindExchange('audit', 'orders', '#')),
      () => topology.removeQueue('tenant'),
      () => topology.removeExchange('audit'),
    ];
    for (const change of changes) {
      const before = topology.version;
      change();
      expect(topology.version).toBeGreaterThan(before);
    }
    const { version } = topology;
    expect(topology.options.queues).toHaveLength(1);
    expect(topology.version).toBe(version);
  });

  it('keeps a binding once, and distinguishes bindings by their arguments', () => {
    const topology = new KnownTopology();
    const byTenant = (tenant: string) => bindQueue('billing', 'headers', '', { arguments: { tenant, count: 1n } });
    topology.add({ bindings: [byTenant('acme'), byTenant('umbrella')] });
    topology.add({ bindings: [byTenant('acme')] });
    expect(topology.bindingsOf('billing')).toEqual([byTenant('umbrella'), byTenant('acme')]);
    topology.removeBinding(byTenant('umbrella'));
    expect(topology.bindingsOf('billing')).toEqual([byTenant('acme')]);
    expect([topology.hasBinding(byTenant('acme')), topology.hasBinding(byTenant('umbrella'))]).toEqual([true, false]);
  });

  it('removes a queue with its bindings, and adds them again', () => {
    const topology = new KnownTopology(given);
    topology.add({ bindings: [bindExchange('billing', 'orders', 'an exchange of the same name')] });
    const removed = topology.removeQueue('billing');
    expect(topology.queue('billing')).toBeUndefined();
    expect(topology.bindingsOf('billing')).toEqual([]);
    expect(topology.options.bindings).toHaveLength(2);
    topology.add(removed);
    expect(topology.queue('billing')).toEqual(given.queues[0]);
    expect(topology.bindingsOf('billing')).toEqual([given.bindings[0], given.bindings[2]]);
    expect(topology.removeQueue('nobody')).toEqual({ queues: [], bindings: [] });
  });

  it('removes an exchange with the bindings from it and to it', () => {
    const topology = new KnownTopology(given);
    topology.removeExchange('orders');
    expect(topology.exchange('orders')).toBeUndefined();
    expect(topology.options.bindings).toEqual([given.bindings[2]]);
    topology.removeExchange('audit');
    expect(topology.options).toEqual({ declare: 'assert', exchanges: [], queues: given.queues, bindings: [] });
  });
});
