import type { Vhost } from '../routing/vhost.js';
import type { DropKind, FaultTarget } from './faults.js';
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
 * Ends every connection and drops what a restart does not leave (https://www.rabbitmq.com/docs/queues#durability).
 * Messages that were unacknowledged are ready again, redelivered; exclusive and auto-delete queues went with their
 * connections; nothing is dead-lettered. Returns how many connections ended.
 */
export function restart(
  sessions: readonly FaultTarget[],
  vhosts: Iterable<Vhost>,
  { keep, how = 'reset' }: RestartOptions,
  turns: Pick<Turns, 'finish'>,
): number {
  const all = [...vhosts];
  // First: what one connection gives back must not go to another that ends next.
  const queues = all.flatMap((vhost) => [...vhost.queues.values()]);
  for (const consumer of queues.flatMap(({ consumers }) => [...consumers])) consumer.cancelled = true;
  for (const session of sessions) session.drop(how);
  // Before anything is dropped it has to be back in its queue.
  turns.finish();
  for (const vhost of all) vhost.forget(keep);
  return sessions.length;
}
