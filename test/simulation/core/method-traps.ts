import type { Scene } from './scene.js';
import type { Step, StepOf } from './steps.js';
import type { UserConnection } from './user-connection.js';

/** The director, which has the connections and breaks things. */
interface Breaker {
  readonly connections: ReadonlyMap<number, UserConnection>;
  carryOut(step: Step): void;
}

/** Traps that wait for a method of a client. They break something before the broker's answer leaves. */
export class MethodTraps {
  private readonly set: StepOf<'trap'>[] = [];

  constructor(
    private readonly scene: Scene,
    private readonly director: Breaker,
  ) {}

  add(trap: StepOf<'trap'>): void {
    this.set.push(trap);
  }

  clear(): void {
    this.set.length = 0;
  }

  /** Called when a client's method has reached the broker. */
  onMethod(name: string, connection: string, channel: number): void {
    const at = this.set.findIndex(
      ({ conn, method }) => method === name && this.director.connections.get(conn)?.name === connection,
    );
    if (at < 0) return;
    const [trap] = this.set.splice(at, 1);
    // The journal calls this in the middle of the broker's work.
    this.scene.clock.in(0, () => this.spring(trap!, channel));
  }

  private spring({ conn, act, ms }: StepOf<'trap'>, channel: number): void {
    const { scene, director } = this;
    const wire = director.connections.get(conn)?.wire;
    if (!wire?.live || scene.peace) return;
    scene.oracle.count(`trap: ${act}`);
    scene.trace.add('step', `trap: ${act}`);
    scene.faults++;
    switch (act) {
      case 'stall':
        return director.carryOut({ at: scene.clock.now, kind: 'stall', ms });
      case 'reset':
        return wire.befall({ kind: 'reset' });
      case 'freeze':
        return wire.befall({ kind: 'freeze', direction: 'down', ms });
      case 'brokerClosesChannel':
        return scene.cluster.closeChannel(wire, channel);
    }
  }
}
