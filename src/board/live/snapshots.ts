import { channel } from 'node:diagnostics_channel';
import { hostname } from 'node:os';
import { PRODUCT_VERSION, type ConnectionReport, type Survey } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { describeError } from '../../common/log-text.js';
import type { AmqpConnectionState } from '../../connection/connection-status.js';
import type { AmqpConsumerRegistry } from '../../consumers/lifecycle/consumer.registry.js';
import type { ConsumerState, ConsumerStatus } from '../../consumers/lifecycle/consumer-status.js';
import type { ConnectionRegistry } from '../../registry/connection-registry.js';
import type { NamedConnection } from '../../registry/named-connection.js';
import type { SlowHandlers } from '../../settlement/handlings.js';
import type { ShownInstance } from '../instances/instances.js';
import type { ShownRedrive } from '../parked/redrives.js';
import { Durations, type Spread } from './durations.js';
import type { ManagementApi } from '../management/management-api.js';
import { QueueCounts, type KnownQueue } from './queue-counts.js';
import { QueueDetails, type BrokerNames } from './queue-details.js';
import type { RecentFailures } from './recent-failures.js';
import { PURPOSES, type Purpose, type Reconnects } from './reconnects.js';

const surveys = channel('nest-amqp:survey');

export interface ShownConnection {
  readonly name: string;
  readonly purpose: Purpose;
  readonly state: AmqpConnectionState;
  /** Why it is not open. */
  readonly reason: string | undefined;
  /** `host:port`, and the virtual host; undefined before the first link. */
  readonly broker: string | undefined;
  readonly vhost: string | undefined;
  readonly unconfirmed: number;
  /** Number of publishes that wait to be sent. */
  readonly waiting: number;
  readonly reconnects: number;
  /** Time from publish to confirm, in ms. */
  readonly confirm: Spread | undefined;
}

export interface ShownConsumer {
  readonly connection: string;
  readonly queue: string;
  readonly handler: string;
  /** Each handler of the consumer. */
  readonly handlers: readonly string[];
  readonly state: ConsumerState;
  readonly reason: string | undefined;
  readonly perSecond: number;
  readonly failuresPerMinute: number;
  readonly handled: number;
  readonly failed: number;
  readonly inFlight: number;
  /** 0: no limit. */
  readonly prefetch: number;
  /** 0: no limit. Undefined if the limits cannot be changed. */
  readonly concurrency: number | undefined;
  readonly held: number;
  readonly slow: SlowHandlers | undefined;
  /** Time in the handler, in ms. */
  readonly took: Spread | undefined;
}

export interface ShownQueue {
  readonly connection: string;
  readonly name: string;
  readonly ready: number | undefined;
  readonly consumers: number | undefined;
  /** Number of messages that consumers have; undefined without a management API. */
  readonly unacked: number | undefined;
  /** Time of the oldest ready message, ms since 1970; undefined without a management API, or if the message has no time. */
  readonly oldest: number | undefined;
  /** Number of parked messages; undefined while it is unknown, and for queues that park none. */
  readonly parked: number | undefined;
  /** Why there are no numbers. */
  readonly problem: string | undefined;
}

/** The picture of one moment. */
export interface Snapshot {
  /** ms since 1970. */
  readonly at: number;
  /** `since`: the start of the process, ms since 1970. */
  readonly app: { readonly host: string; readonly pid: number; readonly since: number; readonly version: string };
  readonly connections: readonly ShownConnection[];
  readonly consumers: readonly ShownConsumer[];
  readonly queues: readonly ShownQueue[];
  /** Undefined without a management API. `problem`: why it tells nothing. */
  readonly management: { readonly problem: string | undefined } | undefined;
  readonly redrives: readonly ShownRedrive[];
  /** The instances of the application; undefined if the board does not know the others. */
  readonly instances: readonly ShownInstance[] | undefined;
}

/** The sources of a snapshot. */
export interface SnapshotSources {
  readonly clock: Clock;
  readonly connections: ConnectionRegistry;
  readonly consumers: AmqpConsumerRegistry;
  readonly failures: RecentFailures;
  readonly reconnects: Reconnects;
  readonly redrives: () => readonly ShownRedrive[];
  readonly instances: () => readonly ShownInstance[] | undefined;
  /** By the name of the connection; called when the application has started. */
  readonly management: () => ReadonlyMap<string, ManagementApi>;
}

/** Makes snapshots. It measures and counts from `begin()` to `end()`, and otherwise does nothing. */
export class Snapshots {
  private readonly durations: Durations;
  private readonly counts: QueueCounts;
  private readonly details: QueueDetails;
  private readonly since: number;

  constructor(private readonly sources: SnapshotSources) {
    const { clock, connections, consumers, management } = sources;
    this.since = clock.wallTime();
    this.durations = new Durations(clock);
    this.counts = new QueueCounts(
      clock,
      () => connections.all(),
      () => this.queues(consumers.list()),
    );
    this.details = new QueueDetails(
      clock,
      management,
      () => this.queues(consumers.list()),
      (name) => brokerNames(connections.get(name)),
    );
  }

  begin(): void {
    this.durations.begin();
    this.counts.begin();
    this.details.begin();
  }

  end(): void {
    this.durations.end();
    this.counts.end();
    this.details.end();
  }

  /** Called when the parked queue of the queue is known to exist. */
  parked(queue: string): void {
    this.counts.expectParked(queue);
  }

  take(): Snapshot {
    const { clock, connections, consumers, redrives, instances } = this.sources;
    const reports = reportsByName();
    const statuses = consumers.list();
    return {
      at: clock.wallTime(),
      app: { host: hostname(), pid: process.pid, since: this.since, version: PRODUCT_VERSION },
      connections: connections
        .all()
        .flatMap((named) => PURPOSES.map((purpose) => this.connection(named, purpose, reports))),
      consumers: statuses.map((status) => this.consumer(status)),
      queues: this.queues(statuses).map((queue) => this.queue(queue)),
      management: this.details.state,
      redrives: redrives(),
      instances: instances(),
    };
  }

  private connection(
    { name, connections }: NamedConnection,
    purpose: Purpose,
    reports: ReadonlyMap<string, ConnectionReport>,
  ): ShownConnection {
    const { state, reason } = connections[purpose];
    const connectionName = connections.connectionName(purpose);
    const { peer, unconfirmed = 0, waiting = 0 } = reports.get(connectionName) ?? {};
    return {
      name,
      purpose,
      state,
      reason,
      broker: peer && `${peer.host}:${peer.port}`,
      vhost: peer?.vhost,
      unconfirmed,
      waiting,
      reconnects: this.sources.reconnects.of(name, purpose),
      confirm: this.durations.ofConfirms(connectionName),
    };
  }

  private consumer(status: ConsumerStatus): ShownConsumer {
    const { connection, queue, handler, handlers, state, error, handled, failed, inFlight, prefetch, held, slow } =
      status;
    // A message that fits none of several handlers counts for the consumer as a whole.
    const names = [...new Set([handler, ...handlers])];
    return {
      connection,
      queue,
      handler,
      handlers,
      state,
      reason: error && describeError(error),
      perSecond: status.handledPerSecond,
      failuresPerMinute: names.reduce((sum, name) => sum + this.sources.failures.perMinute(queue, name), 0),
      handled,
      failed,
      inFlight,
      // JSON has no Infinity.
      prefetch: prefetch === Infinity ? 0 : prefetch,
      concurrency: status.concurrency === Infinity ? 0 : status.concurrency,
      held,
      slow,
      took: this.durations.ofHandlers(queue, handler),
    };
  }

  private queue(known: KnownQueue): ShownQueue {
    const { connection, name, parks } = known;
    const detail = this.details.of(known);
    // A passive declare tells what is there now, and the API what was there some seconds ago.
    const counted = this.counts.of(known) ?? detail;
    return {
      connection,
      name,
      ready: counted?.ready,
      consumers: counted?.consumers,
      unacked: detail?.unacked,
      oldest: detail?.oldest,
      parked: parks ? this.counts.parked(known) : undefined,
      problem: this.counts.problem(known),
    };
  }

  /** Returns the queues that are consumed or declared here, in the order of their names. */
  private queues(statuses: readonly ConsumerStatus[]): readonly KnownQueue[] {
    const { connections } = this.sources;
    const found = new Map<string, KnownQueue>();
    for (const { name: connection, connections: pair } of connections.all()) {
      const declared = pair.topology.options.queues ?? [];
      const consumed = statuses.filter((consumer) => consumer.connection === connection);
      for (const name of [...declared.map((queue) => queue.name), ...consumed.map(({ queue }) => queue)]) {
        const parks = pair.topology.queue(name)?.exclusive !== true;
        found.set(`${name}\n${connection}`, { connection, name, parks });
      }
    }
    return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }
}

function brokerNames({ connections }: NamedConnection): BrokerNames {
  const report = reportsByName().get(connections.connectionName('consuming'));
  return { vhost: report?.peer?.vhost, queue: (name) => connections.serverNames.resolve(name) };
}

function reportsByName(): ReadonlyMap<string, ConnectionReport> {
  const reports = new Map<string, ConnectionReport>();
  const survey: Survey = {
    connection: (report) => void reports.set(report.connectionName ?? '', report),
    consumer: () => {},
  };
  surveys.publish(survey);
  return reports;
}
