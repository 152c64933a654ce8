import type { Oracle } from '../engine/oracle.js';
import type { Prng } from '../engine/prng.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import type { Cluster } from './cluster.js';
import type { Ledger } from './ledger.js';
import { AmqpError } from '../../../lib/client/index.js';
import { Aborted, type Promises } from './promises.js';
import { TopologyBook } from './topology-book.js';
import { Openings } from './openings.js';
import type { CoreSettings } from './steps.js';

/** The objects that all users share. */
export class Scene {
  /** The time from which nothing breaks any more, and all users behave well. */
  peaceSince: number | undefined;
  /** The number of faults so far. */
  faults = 0;
  /** Signals that users have handed in. */
  readonly signals: AbortSignal[] = [];
  /** The broker's first name of a queue, by connection and the scenario's name. */
  readonly named = new Map<string, string>();
  readonly topology = new TopologyBook();
  /** The number of basic.consume methods, by connection and channel number. */
  readonly registrations = new Map<string, number>();
  /** A client that was gone has declared, deleted or unbound something, possibly after others changed it. */
  lateRouting = false;
  private readonly openings: Openings;

  constructor(
    readonly settings: CoreSettings,
    readonly clock: VirtualClock,
    readonly random: Prng,
    readonly oracle: Oracle,
    readonly ledger: Ledger,
    readonly promises: Promises,
    readonly cluster: Cluster,
    readonly trace: Trace,
  ) {
    this.openings = new Openings(
      oracle,
      () => clock.now,
      settings.reconnect === false ? 1_000 : settings.reconnect.maxDelay,
    );
  }

  get peace(): boolean {
    return this.peaceSince !== undefined;
  }

  /** Called when a client's method has reached the broker. */
  onMethod(name: string, connection: string, channel: number, args: Record<string, unknown>): void {
    if (name === 'basic.consume') {
      const at = `${connection} ${channel}`;
      this.registrations.set(at, (this.registrations.get(at) ?? 0) + 1);
    }
    if (name === 'queue.delete') this.topology.onDeleteSeen(connection, String(args['queue']));
    if (name === 'queue.purge') this.ledger.onPurged(String(args['queue']));
    this.openings.onMethod(name, connection, channel);
  }

  /** Called when a method has come though its client is gone. */
  onLate(name: string, { queue }: Record<string, unknown>): void {
    if (typeof queue === 'string') this.topology.onLate(queue);
    this.lateRouting ||= /delete|unbind|exchange\.declare/.test(name);
  }

  isTyped(error: unknown): boolean {
    return error instanceof AmqpError || error instanceof Aborted;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.in(ms, resolve));
  }

  /** Returns a signal that is aborted after `ms`; 0 for an aborted signal. */
  signalAfter(ms: number | undefined): { readonly signal?: AbortSignal; readonly abortAfter: number } {
    if (ms === undefined) return { abortAfter: Infinity };
    const controller = new AbortController();
    this.signals.push(controller.signal);
    const abort = (): void => controller.abort(new Aborted(`aborted after ${ms} ms`));
    if (ms === 0) abort();
    else this.clock.in(ms, abort);
    return { signal: controller.signal, abortAfter: ms };
  }
}
