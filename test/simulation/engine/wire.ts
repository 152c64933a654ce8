import type { Prng } from './prng.js';
import { SimSocket, type WireEnd } from './sim-socket.js';
import type { VirtualClock } from './virtual-clock.js';

/** The speed of the network. */
export interface Weather {
  /** Minimum and maximum latency of one way, ms. */
  readonly latency: readonly [number, number];
  /** The largest piece that arrives at once, in bytes; 0 for pieces in the size of the writes. */
  readonly chunk: number;
  /** Bytes a ms; 0 for no limit. */
  readonly bandwidth: number;
}

export type Direction = 'up' | 'down' | 'both';

/** A fault of a wire. Plain data, since scenarios contain it. */
export type WireFault =
  /** The client's end is reset, and the broker does not notice. */
  | { readonly kind: 'halfOpen' }
  /** Both ends get ECONNRESET, now. */
  | { readonly kind: 'reset' }
  /** The broker's process ends: the client gets an orderly end behind the bytes on their way. */
  | { readonly kind: 'fin' }
  /** Bytes vanish from now on, and neither end notices. */
  | { readonly kind: 'blackHole'; readonly direction: Direction }
  /** The wire is reset after `bytes` more bytes, mostly in the middle of a frame. */
  | { readonly kind: 'truncate'; readonly direction: 'up' | 'down'; readonly bytes: number }
  /** All bytes stand still for `ms`. */
  | { readonly kind: 'freeze'; readonly direction: Direction; readonly ms: number };

/** Bytes that a direction takes before the sender's write waits: socket buffers of both ends. */
const WINDOW = 64 * 1024;
/** The largest read of a socket, in bytes. */
const READ = 64 * 1024;
/** The limit of pieces of one write. A large body in single bytes would take the whole seed. */
const MOST_PIECES = 40;

type Parcel = { readonly bytes: Buffer } | 'fin' | 'reset';

/** A parcel on its way. */
interface Flight {
  readonly parcel: Parcel;
  /** In bytes. */
  readonly size: number;
  cancel: () => void;
}

/** One direction of a wire. */
class Lane implements WireEnd {
  /** Writes that the wire has not taken yet. */
  private readonly unsent: { chunks: readonly Buffer[]; taken: () => void }[] = [];
  /** Bytes on their way. */
  private inFlight = 0;
  private lastArrival = 0;
  /** In the order of their arrival. */
  private flights: Flight[] = [];
  /** Parcels that have arrived while the receiver takes nothing. */
  private readonly arrived: Parcel[] = [];
  private receiverFull = false;
  private cancels = new Set<() => void>();
  /** Bytes vanish, and neither end notices. */
  lossy = false;
  /** The time before which no bytes arrive. */
  heldUntil = 0;
  /** Number of bytes that still arrive before the wire is cut. */
  cutAfter = Infinity;
  onCut: () => void = () => {};
  /** The time of the receiver's last bytes. */
  lastBrought = 0;
  /** Called after the wire has delivered bytes within the sender's write. */
  direct: (() => void) | undefined;
  private bringing = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: Prng,
    readonly weather: () => Weather,
    private readonly receiver: SimSocket,
    private readonly back: () => Lane,
  ) {}

  /** Bytes that the receiver has not got yet. */
  get bytes(): number {
    return this.inFlight;
  }

  send(chunks: readonly Buffer[], taken: () => void): void {
    if (this.unsent.length === 0 && this.inFlight < WINDOW) {
      this.dispatch(chunks);
      taken();
    } else this.unsent.push({ chunks, taken });
  }

  shut(): void {
    this.travel('fin', 0);
  }

  gone(reset: boolean): void {
    // Writes that the wire has not taken are lost.
    this.unsent.length = 0;
    this.travel(reset ? 'reset' : 'fin', 0);
    // Bytes on their way to a socket that is gone cause a reset.
    if (this.back().abandon() && !reset) this.travel('reset', 0);
  }

  wanted(): void {
    // The socket calls its sending lane, but wants the bytes of the other one.
    this.back().resume();
  }

  /** Drops all bytes, since the receiver is gone. @returns whether bytes were on their way */
  abandon(): boolean {
    const lost = this.inFlight > 0 || this.unsent.length > 0;
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
    this.flights.length = 0;
    this.arrived.length = 0;
    this.unsent.length = 0;
    this.inFlight = 0;
    return lost;
  }

  /** Has all that is on its way arrive as the weather of now says. */
  hasten(): void {
    const { flights } = this;
    this.flights = [];
    this.lastArrival = this.clock.now;
    for (const { cancel } of flights) cancel();
    for (const { parcel, size } of flights) this.fly(parcel, size);
  }

  private resume(): void {
    if (!this.receiverFull) return;
    this.receiverFull = false;
    this.later(0, () => this.handOver());
  }

  private dispatch(chunks: readonly Buffer[]): void {
    // The bytes are copied, since the sender may overwrite its memory now.
    const bytes = chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks);
    this.inFlight += bytes.length;
    const { chunk } = this.weather();
    if (chunk === 0) return this.travel({ bytes }, bytes.length);
    let from = 0;
    for (let piece = 1; from < bytes.length; piece++) {
      const size = piece >= MOST_PIECES ? bytes.length : this.random.int(1, chunk);
      const part = bytes.subarray(from, from + size);
      this.travel({ bytes: part }, part.length);
      from += size;
    }
  }

  private travel(parcel: Parcel, size: number): void {
    // Only one direction at a time delivers within the write: in the other one, the peer is in the middle of its own write.
    if (this.direct && this.isFree && !this.back().bringing) {
      this.arrived.push(parcel);
      this.handOver();
      return this.direct();
    }
    this.fly(parcel, size);
  }

  private fly(parcel: Parcel, size: number): void {
    const { latency, bandwidth } = this.weather();
    // Times are in eighths of a ms, which floating point adds exactly.
    const latencyNow = Math.round((latency[0] + this.random.next() * (latency[1] - latency[0])) * 8) / 8;
    const slot = bandwidth === 0 ? 0 : Math.ceil((size / bandwidth) * 8) / 8;
    this.lastArrival = Math.max(this.clock.now + latencyNow, this.lastArrival + slot, this.heldUntil);
    const flight: Flight = { parcel, size, cancel: () => {} };
    this.flights.push(flight);
    flight.cancel = this.later(this.lastArrival - this.clock.now, () => {
      this.flights.splice(this.flights.indexOf(flight), 1);
      // A reset reaches a receiver that has something to send, whether it reads or not.
      if (parcel === 'reset' && this.receiverFull && !this.lossy) return this.bring(parcel);
      this.arrived.push(parcel);
      this.handOver();
    });
  }

  /** No bytes are on their way or stand still. */
  private get isFree(): boolean {
    const { now } = this.clock;
    return this.cancels.size === 0 && this.arrived.length === 0 && this.heldUntil <= now;
  }

  private handOver(): void {
    while (this.arrived.length > 0 && !this.receiverFull) {
      const parcel = this.arrived.shift()!;
      if (typeof parcel === 'object') this.inFlight -= parcel.bytes.length;
      this.bringing = true;
      if (!this.lossy) this.bring(parcel);
      this.bringing = false;
    }
    while (this.unsent.length > 0 && this.inFlight < WINDOW) {
      const { chunks, taken } = this.unsent.shift()!;
      this.dispatch(chunks);
      taken();
    }
  }

  private bring(parcel: Parcel): void {
    this.lastBrought = this.clock.now;
    if (this.receiver.destroyed) {
      if (typeof parcel === 'object') this.back().travel('reset', 0);
      return;
    }
    if (parcel === 'fin') return this.receiver.bringEnd();
    if (parcel === 'reset') return void this.receiver.destroy(resetError());
    if (parcel.bytes.length >= this.cutAfter) {
      const part = parcel.bytes.subarray(0, this.cutAfter);
      this.cutAfter = 0;
      if (part.length > 0) this.receiver.bring(Buffer.from(part));
      return this.onCut();
    }
    this.cutAfter -= parcel.bytes.length;
    for (let at = 0; at < parcel.bytes.length; at += READ) {
      this.receiverFull = !this.receiver.bring(parcel.bytes.subarray(at, at + READ));
    }
  }

  private later(delay: number, run: () => void): () => void {
    const cancel = this.clock.in(delay, () => {
      this.cancels.delete(cancel);
      run();
    });
    this.cancels.add(cancel);
    return () => {
      this.cancels.delete(cancel);
      cancel();
    };
  }
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

/** A connection between a client and a broker, with its faults. */
export class Wire {
  readonly client: SimSocket;
  readonly broker: SimSocket;
  /** The broker has heard the client's connection.close. */
  saidGoodbye = false;
  private readonly up: Lane;
  private readonly down: Lane;
  /** The time at which the client has begun to read again after a pause. */
  private resumed = 0;

  constructor(
    readonly id: number,
    /** The node at the other end. */
    readonly node: number,
    private readonly clock: VirtualClock,
    random: Prng,
    public weather: Weather,
    answer?: () => void,
  ) {
    this.client = new SimSocket(`client${id}`, true);
    this.broker = new SimSocket(`broker${id}`, false);
    const now = (): Weather => this.weather;
    this.up = new Lane(clock, random.split('up'), now, this.broker, () => this.down);
    this.down = new Lane(clock, random.split('down'), now, this.client, () => this.up);
    if (answer) [this.up.direct, this.down.direct] = [answer, () => {}];
    this.client.on('resume', () => (this.resumed = clock.now));
    this.client.attach(this.up);
    this.broker.attach(this.down);
    for (const lane of [this.up, this.down]) lane.onCut = () => this.reset();
  }

  /** The client has not closed its end. */
  get live(): boolean {
    return !this.client.destroyed;
  }

  /** Bytes vanish on the wire. */
  get lossy(): boolean {
    return this.up.lossy || this.down.lossy;
  }

  private lanes(direction: Direction): Lane[] {
    return direction === 'both' ? [this.up, this.down] : [this[direction]];
  }

  /** Resets both ends now: they get ECONNRESET. */
  reset(): void {
    for (const lane of [this.up, this.down]) lane.abandon();
    this.client.destroy(resetError());
    this.broker.destroy(resetError());
  }

  befall(fault: WireFault): void {
    switch (fault.kind) {
      case 'halfOpen':
        this.up.lossy = true;
        return void this.client.destroy(resetError());
      case 'reset':
        return this.reset();
      case 'fin':
        return void this.broker.destroy();
      case 'blackHole':
        for (const lane of this.lanes(fault.direction)) lane.lossy = true;
        return;
      case 'truncate':
        this[fault.direction].cutAfter = fault.bytes;
        return;
      case 'freeze': {
        const until = this.clock.now + fault.ms;
        for (const lane of this.lanes(fault.direction)) lane.heldUntil = Math.max(lane.heldUntil, until);
      }
    }
  }

  /** The time at which the client got, or could have got, its last bytes: while it does not read, the peer is not silent. */
  get lastHeard(): number {
    return this.client.isPaused() ? this.clock.now : Math.max(this.down.lastBrought, this.resumed);
  }

  /** Cancels a planned cut, and has bytes that a slow network has taken arrive by the present weather. */
  mend(): void {
    for (const lane of [this.up, this.down]) {
      lane.cutAfter = Infinity;
      lane.hasten();
    }
  }
}
