import type { Prng } from './prng.js';
import type { SimSocket } from './sim-socket.js';
import type { VirtualClock } from './virtual-clock.js';
import { Wire, type Weather } from './wire.js';

/** `refuses`: nothing listens. `silent`: packets to it vanish. */
export type NodeState = 'up' | 'refuses' | 'silent';

/** The addresses that clients connect to, and the existing wires. */
export class Network {
  readonly wires: Wire[] = [];
  readonly nodes: NodeState[] = [];
  /** Lets the broker answer at once. Wires are then pipes in a process: a write delivers its bytes and gets the answer. */
  answer: (() => void) | undefined;
  private lastId = 0;

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: Prng,
    public weather: Weather,
    nodes: number,
    /** Hands a broker its end. */
    private readonly accept: (node: number, socket: SimSocket, wire: Wire) => void,
  ) {
    for (let node = 0; node < nodes; node++) this.nodes.push('up');
  }

  /** Connects as TCP does: after a round trip, or with a refusal, or never, until the signal aborts it. */
  connect(node: number, signal: AbortSignal): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const [shortest, longest] = this.weather.latency;
      const roundTrip = 2 * (shortest + this.random.next() * (longest - shortest));
      const cancel = this.clock.in(roundTrip, () => {
        const state = this.nodes[node];
        if (state === 'silent') return;
        signal.removeEventListener('abort', abort);
        if (state !== 'up') return reject(refused(node));
        const wire = new Wire(++this.lastId, node, this.clock, this.random.split('wire'), this.weather, this.answer);
        this.wires.push(wire);
        this.accept(node, wire.broker, wire);
        resolve(wire);
      });
      const abort = (): void => {
        cancel();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Wires of which at least one end is open. */
  get open(): readonly Wire[] {
    return this.wires.filter(({ client, broker }) => !client.destroyed || !broker.destroyed);
  }

  /** Sets the weather of all wires, new and existing. */
  setWeather(weather: Weather): void {
    this.weather = weather;
    for (const wire of this.wires) wire.weather = weather;
  }
}

function refused(node: number): Error {
  return Object.assign(new Error(`connect ECONNREFUSED node${node}:5672`), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
  });
}
