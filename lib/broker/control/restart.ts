import type { Vhost } from '../routing/vhost.js';
import { checkOneOf, refuseUnknown } from '../checks.js';
import { checkDropKind, type DropKind, type FaultTarget } from './faults.js';
import type { Turns } from './turns.js';

/** Options of a broker's restart. */
export interface RestartOptions {
  /**
   * The state that survives. `durable` keeps what RabbitMQ has on disk: durable exchanges, durable queues, the bindings
   * between them, and the persistent messages of these queues (all messages of a quorum queue). `nothing` is an empty disk.
   */
  readonly keep: 'durable' | 'nothing';
  /** The way in which connections end; see `BrokerFaults.drop`. Default `reset`, as after a crash of the machine. */
  readonly how?: DropKind;
}

/**
 * Ends every connection and drops everything that does not survive a restart
 * (https://www.rabbitmq.com/docs/queues#durability). Unacknowledged messages are ready again and marked as redelivered.
 * Exclusive and auto-delete queues are deleted with their connections. No message is dead-lettered. Returns the number
 * of ended connections.
 *
 * @throws RangeError for an unknown option or value
 */
export function restart(
  sessions: readonly FaultTarget[],
  vhosts: Iterable<Vhost>,
  options: RestartOptions,
  turns: Pick<Turns, 'finish'>,
): number {
  refuseUnknown('restart', options, ['keep', 'how']);
  const { keep, how = 'reset' } = options;
  checkOneOf('restart: keep', keep, ['durable', 'nothing']);
  checkDropKind('restart: how', how);
  const all = [...vhosts];
  // All consumers end first, so that no message of one connection is delivered to another that ends next.
  const queues = all.flatMap((vhost) => [...vhost.queues.values()]);
  for (const consumer of queues.flatMap(({ consumers }) => [...consumers])) consumer.cancelled = true;
  for (const session of sessions) session.drop(how);
  // Messages have to be back in their queues before anything is dropped.
  turns.finish();
  for (const vhost of all) vhost.forget(keep);
  return sessions.length;
}
