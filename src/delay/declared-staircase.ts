import { ResourceLockedError, type Channel, type Connection } from '../../lib/client/index.js';
import { declareOn } from '../topology/declare-on.js';
import type { TopologyOptions } from '../topology/topology.js';
import { DUE, levelName } from './delay-names.js';
import { exchanges, landing, landingOf, level, type Destination } from './staircase.js';

/** The connections on which the staircase is declared. */
export interface DelayConnections {
  open(): Promise<{ readonly consuming: Connection }>;
}

/** Takes due messages from the landings of exchanges. */
export interface LandingAttendant {
  /** Resolves when it takes the messages of the landing, or cannot: the broker sends them then. May be called again. */
  attend(landing: Destination): Promise<void>;
  /** Resolves when the messages that it has taken are settled. */
  close(): Promise<void>;
}

/**
 * The staircase of one virtual host, as far as this process has declared it. Everything is declared before its first message,
 * so an application that delays nothing declares nothing.
 */
export class DeclaredStaircase {
  /** By name. */
  private readonly declared = new Map<string, Promise<void>>();
  private connection: Connection | undefined;
  private opening: ReturnType<DelayConnections['open']> | undefined;
  private attendant: LandingAttendant | undefined;

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
   * @throws TopologyError if the broker refuses a declaration, or if something is missing that may not be declared
   */
  async provide(destination: Destination, levels: readonly number[]): Promise<number> {
    const { consuming } = await this.open();
    this.watch(consuming);
    await this.once(DUE, () => this.declare(consuming, exchanges()));
    const waits = levels.map((one) => this.once(levelName(one), () => this.declare(consuming, level(one))));
    await Promise.all([...waits, this.once(landingOf(destination), () => this.reach(consuming, destination))]);
    return consuming.frameMax || Infinity;
  }

  /** From here on, somebody attends the landings of the exchanges that this process sends delayed messages to. */
  employ(attendant: LandingAttendant): void {
    this.attendant = attendant;
  }

  /** Called when something is missing that was declared before. */
  forget(): void {
    this.declared.clear();
  }

  /** One call at a time, however many publishes wait. */
  private open(): ReturnType<DelayConnections['open']> {
    return (this.opening ??= this.connections.open().finally(() => (this.opening = undefined)));
  }

  /** Each part by itself: publishes to other destinations do not fail with it. */
  private once(name: string, declare: () => Promise<void>): Promise<void> {
    const known = this.declared.get(name);
    if (known) return known;
    const declaring = declare();
    this.declared.set(name, declaring);
    declaring.catch(() => {
      if (this.declared.get(name) === declaring) this.declared.delete(name);
    });
    return declaring;
  }

  private async declare(connection: Connection, topology: TopologyOptions): Promise<void> {
    const declare = this.mayDeclare() ? 'assert' : 'verify';
    await declareOn(connection, { ...topology, declare });
  }

  /** @throws NotFoundError if the destination does not exist */
  private async reach(connection: Connection, destination: Destination): Promise<void> {
    await connection.withScratchChannel((channel) => find(channel, destination));
    await this.declare(connection, landing(destination));
    if (destination.kind === 'exchange') await this.attendant?.attend(destination);
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
