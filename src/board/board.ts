import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { systemClock } from '../../lib/environment/index.js';
import type { AmqpConsumerRegistry } from '../consumers/lifecycle/consumer.registry.js';
import type { ConnectionRegistry } from '../registry/connection-registry.js';
import type { MessageSerializers } from '../serialization/message-serializers.js';
import type { ParkingLot } from '../settlement/parking/parking-lot.js';
import { managementApis, type AmqpBoardOptions } from './board-options.js';
import { Instances } from './instances/instances.js';
import { Changes } from './changes/changes.js';
import { RecentFailures } from './live/recent-failures.js';
import { Reconnects } from './live/reconnects.js';
import { Snapshots } from './live/snapshots.js';
import { Topologies } from './live/topologies.js';
import { Viewers } from './live/viewers.js';
import { Edits } from './parked/edits.js';
import type { ManagementApi } from './management/management-api.js';
import { ParkedQueues } from './parked/parked-queues.js';
import { Redrives } from './parked/redrives.js';
import { Turns } from './parked/turns.js';

/** The parts of one board, made and ended with the application. See decision 26. */
export class Board implements OnApplicationBootstrap, OnModuleDestroy {
  readonly viewers: Viewers;
  readonly parked: ParkedQueues;
  readonly changes: Changes;
  private readonly failures = new RecentFailures(systemClock);
  private readonly reconnects = new Reconnects();
  private readonly snapshots: Snapshots;
  private readonly redrives: Redrives;
  /** Number of messages that this process has parked, by queue. */
  private readonly parkedHere = new Map<string, number>();
  private subscription: Subscription | undefined;
  private instances: Instances | undefined;
  private apis: ReadonlyMap<string, ManagementApi> = new Map();

  constructor(
    private readonly connections: ConnectionRegistry,
    private readonly consumers: AmqpConsumerRegistry,
    lot: ParkingLot,
    private readonly options: Pick<AmqpBoardOptions, 'instances' | 'edit' | 'management'>,
  ) {
    const { failures, reconnects } = this;
    const clock = systemClock;
    const turns = new Turns();
    const redrives = new Redrives(clock, lot, consumers, turns);
    this.redrives = redrives;
    const serializersOf = (connection: string): MessageSerializers =>
      connections.get(connection, 'The board').serializers;
    const edits = options.edit === true ? new Edits(serializersOf) : undefined;
    const found = (queue: string): void => this.snapshots.parked(queue);
    this.parked = new ParkedQueues(clock, lot, consumers, redrives, turns, edits, found);
    this.changes = new Changes(consumers, lot, this.parked, redrives, turns, () => this.instances);
    const snapshots = new Snapshots({
      clock,
      connections,
      consumers,
      failures,
      reconnects,
      redrives: () => redrives.list(),
      instances: () => this.instances?.list(),
      management: () => this.apis,
    });
    this.snapshots = snapshots;
    const topologies = new Topologies(connections);
    this.viewers = new Viewers(clock, {
      begin: () => {
        snapshots.begin();
        this.instances?.watch();
      },
      end: () => {
        snapshots.end();
        this.instances?.unwatch();
      },
      snapshot: () => snapshots.take(),
      topology: () => topologies.current,
      failuresAfter: (number) => failures.after(number),
    });
  }

  /** @throws ConfigurationError if the option `management` names an unknown connection */
  onApplicationBootstrap(): void {
    const names = this.connections.all().map(({ name }) => name);
    this.apis = managementApis(this.options, names);
    for (const name of this.apis.keys()) this.connections.get(name, 'AmqpBoardModule.forRoot(): management');
    this.meetOthers();
    this.reconnects.watch(this.connections.all());
    this.subscription = this.consumers.failures$.subscribe((failure) => {
      this.failures.add(failure);
      if (failure.decision === 'park') this.onParked(failure.queue);
    });
  }

  /** Nest closes the HTTP server after this hook, and waits for its open responses. */
  async onModuleDestroy(): Promise<void> {
    this.viewers.end();
    this.redrives.end();
    this.subscription?.unsubscribe();
    this.reconnects.end();
    await this.instances?.stop();
  }

  private onParked(queue: string): void {
    this.parkedHere.set(queue, (this.parkedHere.get(queue) ?? 0) + 1);
    this.snapshots.parked(queue);
  }

  private meetOthers(): void {
    const [first] = this.connections.all();
    const { instances } = this.options;
    if (instances === undefined || !first) return;
    this.instances = new Instances(instances, first.connections, {
      list: () => this.consumers.list(),
      carryOut: (command, by) => this.changes.carryOut(command, by),
      parked: () => Object.fromEntries(this.parkedHere),
      onParked: (queue) => this.snapshots.parked(queue),
    });
    this.instances.start();
  }
}
