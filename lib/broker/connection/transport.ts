import type { Duplex } from 'node:stream';
import type { Clock } from '../../environment/index.js';
import { FrameReader, type FrameHandler } from '../../protocol/frame-reader.js';
import { FrameWriter } from '../../protocol/frame-writer.js';
import { FRAME_OVERHEAD } from '../../protocol/spec.js';
import { resetSocket } from './reset-socket.js';
import type { Turns, Work } from '../control/turns.js';

/** Above this, a connection gets no deliveries and is not read from until its socket has taken more. In bytes. */
const HIGH_WATER = 1024 * 1024;

/**
 * Bytes by which a frame may exceed frame_max: some clients take frame_max for the size of a payload (rabbitmq-client
 * 5), and RabbitMQ accepts that.
 */
const FRAME_TOLERANCE = FRAME_OVERHEAD;

/** Time in ms for a client to end its side after the last bytes were sent. */
const LINGER = 1_000;

/** A reason not to read from a client; see `Transport.hold()`. */
type Hold = 'blocked' | 'congested' | 'stalled' | 'turn';

/** The receiver of a transport's events. */
export interface TransportHandler extends FrameHandler {
  /** Called with the first eight bytes, the protocol header. Returns false if it is not AMQP 0-9-1. */
  onProtocolHeader(header: Buffer): boolean;
  /** Called when the received bytes are not AMQP. */
  onMalformed(error: unknown): void;
  /** Called when the socket has room again. */
  onRoom(): void;
  /** The socket is gone. Called once. */
  onEnd(reason: string): void;
}

/**
 * The socket of one client, or another stream. It reads frames and writes frames, with one write a tick. The bytes that
 * a client does not read are bounded: the client gets no more deliveries and is not read from.
 */
export class Transport {
  readonly writer = new FrameWriter(() => this.planFlush());
  /** The times of the last read and the last write, by the clock's `now()`. */
  lastReceived: number;
  lastSent: number;
  private readonly reader: FrameReader;
  private header: Buffer | undefined = Buffer.alloc(0);
  private beforeFlush: (() => void)[] = [];
  private planned = false;
  private writesUnderWay = 0;
  private bytesInWrite = 0;
  private dead = false;
  private cancelLinger: () => void = () => {};
  /** The reasons not to read. Reading continues when none is left. */
  private readonly holds = new Set<Hold>();
  /** Bytes that were seen in the stream while the client is not read from. */
  private waiting = 0;
  /** The time at which the socket last took a write, by the clock's `now()`. */
  private lastTaken = -Infinity;
  private stalled = false;
  private delay = 0;
  /** Chunks that arrived and are processed later, in order, because of `setDelay`. */
  private readonly delayed: { readonly due: number; readonly chunk: Buffer }[] = [];
  private cancelDelay: () => void = () => {};
  /** Chunks that arrived and are not read yet, since the broker does other work first. */
  private unread: Buffer[] = [];
  private waitsForTurn = false;
  /** Work for the last frame. Later frames wait until it is done. */
  private work: Work | undefined;
  /** The reason for the loss of the socket, while chunks that arrived before it are still to be read. */
  private lost: string | undefined;

  constructor(
    readonly socket: Duplex,
    private readonly clock: Clock,
    private readonly turns: Turns,
    private readonly handler: TransportHandler,
  ) {
    this.reader = new FrameReader(handler);
    this.lastReceived = this.lastSent = clock.now();
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.lose(error.message));
    socket.on('end', () => {
      // After `finish` or `leave` the transport waits only for this.
      if (this.dead) socket.destroy();
      else this.lose('the client closed the socket');
    });
    socket.on('close', () => {
      this.cancelLinger();
      this.lose('the socket was closed');
    });
  }

  /** True if the client does not read what it is sent. */
  get congested(): boolean {
    return this.writer.pendingBytes + this.bytesInWrite > HIGH_WATER;
  }

  get ended(): boolean {
    return this.dead;
  }

  /** The largest frame in both directions, in bytes. */
  set frameMax(size: number) {
    this.writer.frameMax = size;
    this.reader.frameMax = size + FRAME_TOLERANCE;
  }

  /** Reads nothing more until `release` with the same reason. */
  hold(reason: Hold): void {
    this.holds.add(reason);
    this.waiting = this.socket.readableLength;
    this.socket.pause();
  }

  release(reason: Hold): void {
    if (!this.holds.delete(reason) || this.holds.size > 0 || this.dead) return;
    this.lastReceived = this.clock.now();
    this.socket.resume();
  }

  /** True if the client is not read from, since it does not read what it is sent. */
  get heldByCongestion(): boolean {
    return this.holds.has('congested');
  }

  /** True if the client is not read from for another reason than a full socket. */
  get heldOnPurpose(): boolean {
    return this.holds.size > (this.heldByCongestion ? 1 : 0);
  }

  /**
   * Checks for a sign of life of a client that is not read from: more bytes wait in its stream, or it has taken some.
   */
  lookForLife(): void {
    const { readableLength } = this.socket;
    if (readableLength !== this.waiting) this.lastReceived = this.clock.now();
    else this.lastReceived = Math.max(this.lastReceived, this.lastTaken);
    this.waiting = readableLength;
  }

  /** Neither reads nor writes, like a dead peer, until it is switched off. */
  setStalled(stalled: boolean): void {
    this.stalled = stalled;
    if (stalled) return this.hold('stalled');
    this.release('stalled');
    this.flush();
  }

  /** Delays the processing of incoming bytes by `ms`. */
  setDelay(ms: number): void {
    this.delay = ms;
  }

  /** Counts pieces of work that were done for this connection. */
  spend(pieces: number): void {
    this.turns.spend(pieces);
  }

  /**
   * Does the work for the last frame. Work for which this turn has no room is done in later turns, even if the socket
   * is gone meanwhile. No frame is read until the work is done. @throws the error of the work in this turn
   */
  carryOut(work: Work): void {
    this.work = work;
    this.workOn(work);
  }

  /** Calls `task` right before the next flush, which includes the bytes that the task appends. */
  atFlush(task: () => void): void {
    this.beforeFlush.push(task);
    this.planFlush();
  }

  private flush(): void {
    this.planned = false;
    if (!this.dead && this.writesUnderWay === 0 && !this.stalled) this.writeOut();
  }

  /** Also during a pending write, so that the last bytes are not lost. */
  private writeOut(tail?: Uint8Array): void {
    if (this.beforeFlush.length > 0) {
      const tasks = this.beforeFlush;
      this.beforeFlush = [];
      this.planned = true;
      for (const task of tasks) task();
      this.planned = false;
    }
    if (tail) this.writer.raw(tail);
    const batch = this.writer.take();
    if (!batch) return;
    this.writesUnderWay++;
    this.bytesInWrite += batch.bytes;
    this.lastSent = this.clock.now();
    const written = (): void => {
      this.lastTaken = this.clock.now();
      this.writesUnderWay--;
      this.bytesInWrite -= batch.bytes;
      this.writer.recycle(batch);
      if (this.dead) return;
      this.flush();
      if (this.congested) return;
      this.release('congested');
      this.handler.onRoom();
    };
    const last = batch.chunks.length - 1;
    if (last > 0) this.socket.cork();
    batch.chunks.forEach((chunk, index) => this.socket.write(chunk, index === last ? written : undefined));
    if (last > 0) this.socket.uncork();
  }

  /**
   * Writes the gathered bytes, then ends the socket (FIN). The handler is called at once. @param tail bytes to write
   * after the gathered ones
   */
  finish(reason: string, tail?: Uint8Array): void {
    if (this.dead) return;
    if (!this.stalled) this.writeOut(tail);
    this.socket.end();
    this.end(reason, 'linger');
  }

  /** Writes the gathered bytes and lets the client end the socket, as RabbitMQ does. The handler is called at once. */
  leave(reason: string): void {
    if (!this.dead && !this.stalled) this.writeOut();
    this.end(reason, 'linger');
  }

  /** Ends the socket at once, with a FIN or a reset. */
  destroy(reason: string, how: 'end' | 'reset' = 'end'): void {
    if (this.dead) return;
    if (how === 'reset') resetSocket(this.socket);
    this.end(reason);
  }

  private receive(chunk: Buffer): void {
    this.lastReceived = this.clock.now();
    if (this.delay === 0 && this.delayed.length === 0) return this.read(chunk);
    // In order, even if the delay changes meanwhile.
    this.delayed.push({ due: this.clock.now() + this.delay, chunk });
    if (this.delayed.length === 1) this.readLater();
  }

  private readLater(): void {
    const wait = Math.max(0, this.delayed[0]!.due - this.clock.now());
    const read = (): void => {
      this.read(this.delayed.shift()!.chunk);
      if (this.delayed.length > 0 && !this.dead) this.readLater();
    };
    this.cancelDelay = this.clock.after(wait, read, { keepAlive: false });
  }

  private read(chunk: Buffer): void {
    this.unread.push(chunk);
    if (!this.waitsForTurn) this.readOn();
  }

  /** Until nothing is left or this turn has no room. */
  private readOn(): void {
    this.waitsForTurn = false;
    while (this.work || (!this.dead && this.unread.length > 0)) {
      if (this.turns.over) {
        this.waitsForTurn = true;
        this.hold('turn');
        return this.turns.later(() => this.readOn());
      }
      const { work } = this;
      this.safely(() => (work ? this.workOn(work) : this.readSome(this.unread.shift()!)));
    }
    if (this.lost !== undefined) return this.end(this.lost);
    if (this.congested) this.hold('congested');
    this.release('turn');
  }

  /** Ends the transport after everything that arrived before the loss is processed. */
  private lose(reason: string): void {
    if (this.unread.length === 0 && !this.work) this.end(reason);
    else this.lost ??= reason;
  }

  private readSome(chunk: Buffer): void {
    const rest = this.header ? this.readHeader(this.header, chunk) : chunk;
    if (rest.length === 0) return;
    const taken = this.reader.push(rest, () => {
      this.turns.spend(1);
      return !this.work && !this.turns.over;
    });
    if (taken < rest.length) this.unread.unshift(rest.subarray(taken));
  }

  private workOn(work: Work): void {
    let done = true;
    try {
      done = this.turns.advance(work);
    } finally {
      if (done && this.work === work) this.work = undefined;
    }
  }

  /** Runs a step of the protocol. An error ends this connection only. */
  private safely(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.reader.stop();
      this.unread = [];
      this.handler.onMalformed(error);
    }
  }

  private readHeader(before: Buffer, chunk: Buffer): Buffer {
    const bytes = Buffer.concat([before, chunk]);
    if (bytes.length < 8) {
      this.header = bytes;
      return Buffer.alloc(0);
    }
    this.header = undefined;
    return this.handler.onProtocolHeader(bytes.subarray(0, 8)) ? bytes.subarray(8) : Buffer.alloc(0);
  }

  private planFlush(): void {
    if (this.planned || this.writesUnderWay > 0 || this.dead) return;
    this.planned = true;
    this.clock.afterPendingEvents(() => {
      if (this.planned) this.flush();
    });
  }

  private end(reason: string, how: 'destroy' | 'linger' = 'destroy'): void {
    if (this.dead) return;
    this.dead = true;
    this.unread = [];
    this.cancelDelay();
    this.reader.stop();
    if (how === 'destroy') this.socket.destroy();
    // A client that does not end its side must not keep the socket.
    else this.cancelLinger = this.clock.after(LINGER, () => this.socket.destroy(), { keepAlive: false });
    this.handler.onEnd(reason);
  }
}
