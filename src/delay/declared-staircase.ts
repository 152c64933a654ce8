import { ResourceLockedError, type Channel, type Connection } from '../../lib/client/index.js';
import { declareTopology } from '../topology/declare-topology.js';
import type { TopologyOptions } from '../topology/topology.js';
import { DUE, levelName } from './delay-names.js';
import { exchanges, landing, landingOf, level, type Destination } from './staircase.js';

/** A part of the staircase, by its name. */
type Part = readonly [name: string, topology: TopologyOptions];

/** The connections on which the staircase is declared. */
export interface DelayConnections {
  open(): Promise<{ readonly consuming: Connection }>;
}

/**
 * The staircase of one virtual host, as far as this process has declared it. Everything is declared before its first message,
 * so an application that delays nothing declares nothing.
 */
export class DeclaredStaircase {
  /** By name. */
  private readonly declared = new Map<string, Promise<void>>();
  private connection: Connection | undefined;

  /** @param mayDeclare false if everything has to exist already */
  constructor(
    private readonly connections: DelayConnections,
    private readonly mayDeclare: () => boolean,
  ) {}

  /**
   * Declares what a message needs on its way, unless that was done before. May be tried again.
   *
   * @returns the largest size of its headers, in bytes
   * @throws NotFoundError if the destination does not exist
   * @throws TopologyError if the broker refuses a declaration
   */
  async provide(destination: Destination, levels: readonly number[]): Promise<number> {
    const { consuming } = await this.connections.open();
    this.watch(consuming);
    const to = landingOf(destination);
    const all: Part[] = [[to, landing(destination)]];
    for (const one of levels) all.push([levelName(one), level(one)]);
    all.push([DUE, exchanges()]);
    const needed = all.filter(([name]) => !this.declared.has(name));
    if (needed.length > 0) this.remember(needed, this.declare(consuming, needed, destination));
    for (const [name] of all) await this.declared.get(name);
    return consuming.frameMax || Infinity;
  }

  /** Called when something is missing that was declared before. */
  forget(): void {
    this.declared.clear();
  }

  private remember(parts: readonly Part[], declaring: Promise<void>): void {
    for (const [name] of parts) this.declared.set(name, declaring);
    declaring.catch(() => {
      for (const [name] of parts) if (this.declared.get(name) === declaring) this.declared.delete(name);
    });
  }

  private async declare(connection: Connection, parts: readonly Part[], destination: Destination): Promise<void> {
    // On a channel of its own, which a missing destination closes.
    if (parts.some(([name]) => name === landingOf(destination))) {
      await connection.withScratchChannel((channel) => find(channel, destination));
    }
    if (!this.mayDeclare()) return;
    const topologies = parts.map(([, topology]) => topology);
    await connection.withScratchChannel((channel) =>
      declareTopology(channel, {
        exchanges: topologies.flatMap(({ exchanges: some = [] }) => some),
        queues: topologies.flatMap(({ queues = [] }) => queues),
        bindings: topologies.flatMap(({ bindings = [] }) => bindings),
      }),
    );
  }

  /** A broker that was away may have lost everything. */
  private watch(connection: Connection): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.forget();
    connection.on('disconnected', () => this.forget());
  }
}

/** @throws NotFoundError */
async function find(channel: Channel, { kind, name }: Destination): Promise<void> {
  try {
    if (kind === 'exchange') await channel.exchangeDeclare(name, 'direct', { passive: true });
    else await channel.queueDeclare(name, { passive: true });
  } catch (error) {
    // A queue that is exclusive to another connection takes messages.
    if (!(error instanceof ResourceLockedError)) throw error;
  }
}
