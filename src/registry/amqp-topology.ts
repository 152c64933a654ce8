import { Injectable } from '@nestjs/common';
import { ConfigurationError, type Channel } from '../../lib/client/index.js';
import { untilAborted } from '../../lib/environment/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { showAs } from '../../lib/shown/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { ARRAY, checkValues, expectValue, NAME, SIGNAL, TEXT, type ValueCheck } from '../common/option-values.js';
import { withinDeadline, type BrokerWaitOptions } from '../connection/broker-deadline.js';
import type { BindingDefinition } from '../topology/bindings.js';
import { checkEntries, checkTopology } from '../topology/check-topology.js';
import { deleteBinding, deleteExchange, deleteQueue } from '../topology/delete-topology.js';
import type { TopologyOptions } from '../topology/topology.js';
import { ConnectionRegistry } from './connection-registry.js';
import type { NamedConnection } from './named-connection.js';

/** The connection that declares or deletes, and how long the call waits for the broker. */
export interface TopologyTarget extends BrokerWaitOptions {
  /** Name of the connection. Default: the connection without a name. */
  readonly connection?: string;
}

/** Names of queues and exchanges to delete. */
export interface TopologyNames {
  /** Default: none. */
  readonly queues?: readonly string[];
  /** They are deleted after the queues. Default: none. */
  readonly exchanges?: readonly string[];
}

/** What is declared while the application runs. */
export type TopologyAdditions = Omit<TopologyOptions, 'declare'>;

const TARGET = namesOf({ connection: 0, timeout: 0, signal: 0 } satisfies Record<keyof TopologyTarget, 0>);
const ADDITIONS = namesOf({ exchanges: 0, queues: 0, bindings: 0 } satisfies Record<keyof TopologyAdditions, 0>);
const NAMES = namesOf({ queues: 0, exchanges: 0 } satisfies Record<keyof TopologyNames, 0>);

/** @throws ConfigurationError that names the first wrong element */
function expectNames(what: string, given: unknown): void {
  if (given === undefined) return;
  expectValue(what, given, LIST_OF_NAMES);
  for (const [index, name] of (given as unknown[]).entries()) expectValue(`${what}[${index}]`, name, NAME);
}

const LIST_OF_NAMES: ValueCheck = { ...ARRAY, expected: 'an array of names' };

/**
 * Declares and deletes exchanges, queues and bindings while the application runs, for example for tenants that come and go.
 * Inject it into any provider.
 *
 * What it declares is on record, like the module's `topology`: it is declared again after a reconnect, and a queue that is
 * deleted while it is consumed is restored. What it deletes leaves the record. After a loss of the whole topology, the
 * consuming connection declares it again; the publishing connection does not.
 *
 * @example
 * ```ts
 * constructor(private readonly topology: AmqpTopology, private readonly consumers: AmqpConsumerRegistry) {}
 *
 * async addTenant(id: string): Promise<void> {
 *   const queue = `orders.${id}`;
 *   await this.topology.declare({ queues: [quorumQueue(queue)], bindings: [bindQueue(queue, 'orders', `${id}.#`)] });
 *   await this.consumers.add(queue, (order: Order) => this.bill(id, order));
 * }
 * ```
 *
 * While the broker is away, every method waits for it, at most for `timeout` (30 s). Then it rejects with a `TimeoutError` that
 * has the last failure of the connection, and the record stays as it was. Give a longer `timeout` for a topology that takes
 * the broker longer. Every method rejects with `ConfigurationError` for wrong arguments, or if the module says
 * `declare: 'verify'` or `'none'`.
 *
 * @publicApi
 */
@Injectable()
export class AmqpTopology {
  /** @internal */
  constructor(private readonly registry: ConnectionRegistry) {}

  /**
   * Declares exchanges, then queues, then bindings. What exists with the same arguments stays as it is.
   *
   * @example
   * ```ts
   * await this.topology.declare({ queues: [quorumQueue('orders.7')] }, { timeout: '5s' });
   * ```
   *
   * @throws TopologyError, TopologyMismatchError: what was declared before the error stays
   * @throws TimeoutError after `timeout`, the reason of `signal`
   */
  async declare(topology: TopologyAdditions, target: TopologyTarget = {}): Promise<void> {
    checkTopology('AmqpTopology.declare()', topology, ADDITIONS);
    await this.inTime('declare', target, ({ connections }, signal) => connections.declareMore(topology, signal));
  }

  /** Declares bindings, made by `bindQueue` and `bindExchange`. @throws TopologyError, TimeoutError */
  async bind(bindings: BindingDefinition | readonly BindingDefinition[], target: TopologyTarget = {}): Promise<void> {
    const all = listOf('bind', bindings);
    await this.inTime('bind', target, ({ connections }, signal) => connections.declareMore({ bindings: all }, signal));
  }

  /** Removes bindings. A binding that does not exist is no error. @throws TopologyError, TimeoutError */
  async unbind(bindings: BindingDefinition | readonly BindingDefinition[], target: TopologyTarget = {}): Promise<void> {
    const all = listOf('unbind', bindings);
    await this.inTime('unbind', target, async (named, signal) => {
      const { topology, serverNames } = named.connections;
      const remove = (channel: Channel) => Promise.all(all.map((one) => deleteBinding(channel, one, serverNames)));
      const restore = { bindings: all.filter((binding) => topology.hasBinding(binding)) };
      for (const binding of all) topology.removeBinding(binding);
      await carryOut(named, remove, { onBoth: true, signal }).catch((error: unknown) => {
        topology.add(restore);
        throw error;
      });
    });
  }

  /**
   * Deletes queues with their messages and bindings, and exchanges. What does not exist is no error. The queues of retried and
   * parked messages, `<queue>.retry.<ms>` and `<queue>.parked`, are deleted only if they are named, too. Stop the consumers
   * of a queue first: a consumer of a deleted queue waits until somebody declares the queue again.
   *
   * @throws TopologyError
   * @throws TimeoutError after `timeout`, the reason of `signal`
   */
  async delete(names: TopologyNames, target: TopologyTarget = {}): Promise<void> {
    refuseUnknown('AmqpTopology.delete()', names, NAMES);
    for (const kind of ['queues', 'exchanges'] as const) expectNames(`AmqpTopology.delete(): ${kind}`, names[kind]);
    await this.inTime('delete', target, async (named, signal) => {
      const { topology, serverNames } = named.connections;
      for (const queue of names.queues ?? []) {
        const onBoth = topology.isGiven(topology.queue(queue));
        // Before it is deleted: its consumer would declare it again.
        const removed = topology.removeQueue(queue);
        const remove = (channel: Channel) => deleteQueue(channel, queue, serverNames);
        await carryOut(named, remove, { onBoth, signal }).catch((error: unknown) => {
          topology.add(removed);
          throw error;
        });
        serverNames.forget(queue);
      }
      for (const exchange of names.exchanges ?? []) {
        const onBoth = topology.isGiven(topology.exchange(exchange));
        await carryOut(named, (channel) => deleteExchange(channel, exchange), { onBoth, signal });
        topology.removeExchange(exchange);
      }
    });
  }

  /** Runs a method's work within its deadline. @throws ConfigurationError, TimeoutError, what `work` throws */
  private async inTime(
    method: string,
    target: TopologyTarget,
    work: (named: NamedConnection, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const named = this.find(method, target);
    await withinDeadline(`AmqpTopology.${method}()`, named.connections, target, (signal) => work(named, signal));
  }

  /** @throws ConfigurationError */
  private find(method: string, target: TopologyTarget): NamedConnection {
    const place = `AmqpTopology.${method}()`;
    refuseUnknown(place, target, TARGET);
    checkValues(place, target, { connection: TEXT, signal: SIGNAL });
    const named = this.registry.get(target.connection, place);
    const { declare } = named.connections.topology;
    if (declare === 'assert') return named;
    throw new ConfigurationError(
      `${place}: the topology of connection '${named.name}' says declare: '${declare}', so nothing is declared or deleted`,
    );
  }
}

/**
 * @param onBoth true if the record of the publishing connection may have the entity, too
 * @param signal ends the work with its reason
 */
async function carryOut(
  { connections }: NamedConnection,
  work: (channel: Channel) => Promise<unknown>,
  { onBoth, signal }: { readonly onBoth: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { consuming, publishing } = await untilAborted(connections.open(), signal);
  for (const connection of onBoth ? [consuming, publishing] : [consuming]) {
    await untilAborted(connection.withScratchChannel(work, { signal }), signal);
  }
}

/** @throws ConfigurationError */
function listOf(
  method: string,
  bindings: BindingDefinition | readonly BindingDefinition[],
): readonly BindingDefinition[] {
  const all = Array.isArray(bindings) ? (bindings as readonly BindingDefinition[]) : [bindings as BindingDefinition];
  checkEntries(`AmqpTopology.${method}(): bindings`, 'bindings', all);
  return all;
}

showAs(AmqpTopology, () => ({}));
