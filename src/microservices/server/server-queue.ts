import type { Connection } from '../../../lib/client/index.js';
import { timeLimit } from '../../common/duration.js';
import type { SupervisionHost } from '../../consumers/lifecycle/supervised-consumer.js';
import type { ConnectionSource } from '../connection-source.js';
import { isTakenAsItIs, type AmqpTransportOptions } from '../options/transport-options.js';
import { declareForServer, isExclusive } from '../options/transport-topology.js';

const DEFAULT_GRACE = 10_000;

/** The server, as its queue sees it. */
export interface QueueOwner {
  /** Declares the queues that failed messages need. */
  prepare(): Promise<void>;
  onDown(reason: Error): void;
  onConsuming(): void;
}

/** The queue of a server with its exchange and bindings, on the present connection of its source. */
export class ServerQueue implements SupervisionHost {
  readonly name = 'AmqpServer';
  readonly environment: ConnectionSource['environment'];
  readonly gracePeriod: number;
  readonly options: AmqpTransportOptions;
  /** The connection that consumes; undefined until the first time. */
  connection: Connection | undefined;
  private present: Connection | undefined;
  private declaredName: string | undefined;

  /**
   * @param patterns patterns of the server's handlers
   * @throws ConfigurationError
   */
  constructor(
    private readonly source: ConnectionSource,
    options: AmqpTransportOptions,
    private readonly patterns: () => Iterable<string>,
    private readonly owner: QueueOwner,
  ) {
    this.environment = source.environment;
    this.options = { ...options, noAssert: isTakenAsItIs(options, source.topology) };
    this.gracePeriod = timeLimit(options.gracePeriod ?? DEFAULT_GRACE, 'AmqpServer: gracePeriod');
  }

  /** The queue's name; empty until the broker has chosen it. */
  get queue(): string {
    return this.declaredName ?? this.options.queue ?? '';
  }

  async connect(): Promise<Connection> {
    const { consuming } = await this.source.open();
    return (this.present = consuming);
  }

  async prepare(): Promise<void> {
    await this.declare(await this.connect());
    if (!this.options.noAck) await this.owner.prepare();
  }

  queueName(): string {
    return this.queue;
  }

  async restoreQueue(): Promise<void> {
    await this.leave();
    await this.declare(await this.connect());
  }

  /** The source may connect anew. */
  isFinal(): boolean {
    return false;
  }

  onDown(reason: Error): void {
    this.owner.onDown(reason);
  }

  onConsuming(): void {
    this.connection = this.present;
    this.owner.onConsuming();
  }

  /** Deletes an exclusive queue, which would live as long as its connection. */
  async leave(): Promise<void> {
    const { connection, declaredName: name } = this;
    if (name === undefined || !isExclusive(this.options) || connection?.state !== 'open') return;
    await connection.withScratchChannel((channel) => channel.queueDelete(name)).catch(() => {});
  }

  private async declare(connection: Connection): Promise<void> {
    this.declaredName = await declareForServer(connection, this.options, this.patterns());
  }
}
