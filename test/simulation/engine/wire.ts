import type { Prng } from './prng.js';
import { SimSocket, type WireEnd } from './sim-socket.js';
import type { VirtualClock } from './virtual-clock.js';

/** How bytes travel. */
export interface Weather {
  /** One way, ms, at least and at most. */
  readonly latency: readonly [number, number];
  /** The largest piece that arrives at once, in bytes; 0 for pieces as they were sent. */
  readonly chunk: number;
  /** Bytes a ms; 0 for no limit. */
  readonly bandwidth: number;
}

export type Direction = 'up' | 'down' | 'both';

/** One thing that befalls a wire. Plain data: steps of a scenario are such. */
export type WireFault =
  /** The client's end is reset, and the broker is not told. */
  | { readonly kind: 'halfOpen' }
  /** Both ends get ECONNRESET, now. */
  | { readonly kind: 'reset' }
  /** The broker's process ends: an orderly end for the client, behind what is on its way. */
  | { readonly kind: 'fin' }
  /** Bytes vanish from now on, and neither end is told. */
  | { readonly kind: 'blackHole'; readonly direction: Direction }
  /** After `bytes` more bytes it is reset, in the middle of a frame most often. */
  | { readonly kind: 'truncate'; readonly direction: 'up' | 'down'; readonly bytes: number }
  /** What is on its way, and what follows, stands still for `ms`. */
  | { readonly kind: 'freeze'; readonly direction: Direction; readonly ms: number };

/** Bytes that a direction takes before the sender's write waits: socket buffers of both ends. */
const WINDOW = 64 * 1024;
/** What one read of a socket brings, at most; in bytes. */
const READ = 64 * 1024;
/** Pieces that one write is cut into, at most: byte by byte a large body would be all that a seed does. */
const MOST_PIECES = 40;

type Parcel = { readonly bytes: Buffer } | 'fin' | 'reset';

/** One direction. */
class Lane implements WireEnd {
  /** What the sender wants to send and the wire has not taken. */
  private readonly unsent: { chunks: readonly Buffer[]; taken: () => void }[] = [];
  /** Sent, on its way. */
  private inFlight = 0;
  private lastArrival = 0;
  /** Arrived, but the receiver takes nothing now. */
  private readonly arrived: Parcel[] = [];
  private receiverFull = false;
  private cancels = new Set<() => void>();
  /** Nothing arrives any more, and nobody is told. */
  lossy = false;
  /** Nothing arrives before this time. */
  heldUntil = 0;
  /** Bytes that still arrive; then the wire is cut. */
  cutAfter = Infinity;
  onCut: () => void = () => {};
  /** When the receiver got something last. */
  lastBrought = 0;
  /** Bytes are brought from within the sender's write; then this is called. */
  direct: (() => void) | undefined;
  private bringing = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: Prng,
    readonly weather: () => Weather,
    private readonly receiver: SimSocket,
    private readonly back: () => Lane,
  ) {}

  /** Bytes that nobody has got yet. */
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
    // What the sender had not given to the wire goes with it.
    this.unsent.length = 0;
    this.travel(reset ? 'reset' : 'fin', 0);
    // What is on its way to a socket that is not there any more is answered with a reset.
    if (this.back().abandon() && !reset) this.travel('reset', 0);
  }

  wanted(): void {
    // Called on the lane that the socket sends on; what it wants comes on the other.
    this.back().resume();
  }

  /** Nobody is at the other end. @returns whether something was on its way */
  abandon(): boolean {
    const lost = this.inFlight > 0 || this.unsent.length > 0;
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
    this.arrived.length = 0;
    this.unsent.length = 0;
    this.inFlight = 0;
    return lost;
  }

  private resume(): void {
    if (!this.receiverFull) return;
    this.receiverFull = false;
    this.later(0, () => this.handOver());
  }

  private dispatch(chunks: readonly Buffer[]): void {
    // Copied: what the sender does with its memory now is its own affair.
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
    // A receiver that sends from within a write does so once: its peer would be in the middle of its own.
    if (this.direct && this.isFree && !this.back().bringing) {
      this.arrived.push(parcel);
      this.handOver();
      return this.direct();
    }
    const { latency, bandwidth } = this.weather();
    // In eighths of a ms, which floating point adds exactly.
    const flight = Math.round((latency[0] + this.random.next() * (latency[1] - latency[0])) * 8) / 8;
    const slot = bandwidth === 0 ? 0 : Math.ceil((size / bandwidth) * 8) / 8;
    this.lastArrival = Math.max(this.clock.now + flight, this.lastArrival + slot, this.heldUntil);
    this.later(this.lastArrival - this.clock.now, () => {
      // A reset reaches a receiver that has something to send, whether it reads or not.
      if (parcel === 'reset' && this.receiverFull && !this.lossy) return this.bring(parcel);
      this.arrived.push(parcel);
      this.handOver();
    });
  }

  /** Nothing is on its way, or stands still. */
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

  private later(delay: number, run: () => void): void {
    const cancel = this.clock.in(delay, () => {
      this.cancels.delete(cancel);
      run();
    });
    this.cancels.add(cancel);
  }
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

/** A connection between a client and a broker, and all that can befall it. */
export class Wire {
  readonly client: SimSocket;
  readonly broker: SimSocket;
  private readonly up: Lane;
  private readonly down: Lane;
  /** When the client has begun to read again, after a pause of its own. */
  private resumed = 0;

  constructor(
    readonly id: number,
    /** The node that was connected to. */
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

  /** Bytes vanish on it. */
  get lossy(): boolean {
    return this.up.lossy || this.down.lossy;
  }

  private lanes(direction: Direction): Lane[] {
    return direction === 'both' ? [this.up, this.down] : [this[direction]];
  }

  /** Both ends get ECONNRESET, now. */
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

  /** When the client got bytes last, or might have: while it does not read, it is not the peer that is silent. */
  get lastHeard(): number {
    return this.client.isPaused() ? this.clock.now : Math.max(this.down.lastBrought, this.resumed);
  }

  /** What was to be cut is not, any more. */
  mend(): void {
    for (const lane of [this.up, this.down]) lane.cutAfter = Infinity;
  }
}
