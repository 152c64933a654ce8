import type { Cluster, ClusterNode } from './cluster.js';
import type { SoakRun } from '../soak/soak-run.js';

/** Milliseconds without a confirm or a delivery after which the cluster counts as hanging. */
const HANGS = 60_000;

/** The effects of one fault, as the client saw them. Times are in ms since the fault. */
export interface FaultFigures {
  readonly fault: string;
  /** True if the publisher was connected to the node of the fault. */
  readonly publisherOnNode: boolean;
  readonly consumerOnNode: boolean;
  /** When the first publish that was called after the fault was confirmed, and when it was consumed. */
  readonly confirmedAfter: number;
  readonly deliveredAfter: number;
  /** Publishes that the broker refused during the fault. */
  readonly nacked: number;
  /** All events in order. */
  readonly order: readonly (readonly [event: string, after: number])[];
}

/** Listens to both connections of a run, from a fault on, and keeps their events in order. */
export class Observation {
  private readonly order: [event: string, after: number][] = [];
  private readonly remove: (() => void)[] = [];
  private readonly began = performance.now();
  private readonly where: Pick<FaultFigures, 'fault' | 'publisherOnNode' | 'consumerOnNode'>;
  private nacked = 0;

  constructor(
    fault: string,
    node: ClusterNode,
    private readonly cluster: Cluster,
    private readonly run: SoakRun,
  ) {
    const { publisher, consumer, publishing } = run;
    this.where = {
      fault,
      publisherOnNode: cluster.nodeOf(publisher) === node,
      consumerOnNode: cluster.nodeOf(consumer) === node,
    };
    for (const [who, connection] of [
      ['publisher', publisher],
      ['consumer', consumer],
    ] as const) {
      this.listen(connection, 'disconnected', () => this.note(`${who} lost`));
      this.listen(connection, 'reconnectFailed', () => this.note(`${who} refused`));
      this.listen(connection, 'reconnected', () => this.note(`${who} on ${cluster.nodeOf(connection)?.label ?? '?'}`));
    }
    this.listen(publishing, 'restored', () => this.note('channel open'));
    this.listen(publishing, 'nack', () => {
      if (this.nacked++ === 0) this.note('nacked');
    });
  }

  note(event: string): void {
    this.order.push([event, Math.round(performance.now() - this.began)]);
  }

  /**
   * Waits until the first publish that is called from now on is confirmed, and the first is consumed.
   *
   * @throws Error when either hangs
   */
  async recovered(): Promise<Pick<FaultFigures, 'confirmedAfter' | 'deliveredAfter'>> {
    const confirm = this.run.nextConfirm().then((at) => (this.note('confirmed'), at));
    const delivery = this.run.nextDelivery().then((at) => (this.note('consumed'), at));
    let timer: NodeJS.Timeout | undefined;
    const hangs = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.where.fault}: hangs; ${describeOrder(this.order)}`)), HANGS);
    });
    try {
      const [confirmed, delivered] = await Promise.race([Promise.all([confirm, delivery]), hangs]);
      const after = (at: number): number => Math.round(at - this.began);
      return { confirmedAfter: after(confirmed), deliveredAfter: after(delivered) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops listening and returns the figures. */
  figures(recovery: Awaited<ReturnType<Observation['recovered']>>): FaultFigures {
    for (const remove of this.remove) remove();
    return { ...this.where, ...recovery, nacked: this.nacked, order: this.order };
  }

  private listen(
    emitter: { on(event: string, listener: () => void): unknown; off(event: string, listener: () => void): unknown },
    event: string,
    listener: () => void,
  ): void {
    emitter.on(event, listener);
    this.remove.push(() => emitter.off(event, listener));
  }
}

/** Describes the events for people: `publisher lost 12, nacked 90, …`. */
export const describeOrder = (order: FaultFigures['order']): string =>
  order.map(([event, after]) => `${event} ${after}`).join(', ');
