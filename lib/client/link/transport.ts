import { Buffer } from 'node:buffer';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { FrameReader, type FrameHandler } from '../../protocol/frame-reader.js';
import { FrameWriter } from '../../protocol/frame-writer.js';
import { ConfigurationError } from '../errors.js';
import { foreignError } from '../foreign-error.js';
import { Deferred } from '../timing/deferred.js';
import { addressOf, type Endpoint } from './uri.js';
import { onAbort, untilAborted, type Clock } from '../../environment/index.js';
import type { ResolvedOptions } from './connection-options.js';
import { Inflow, type InflowOwner } from './inflow.js';

/** One read of the kernel's buffer at a time; frames are parsed in it and copied out. In bytes. */
const READ_BUFFER_SIZE = 64 * 1024;
/** A gathering this large is written before the tick ends, so that the kernel works while we do. In bytes. */
const EAGER_FLUSH_SIZE = 64 * 1024;

/**
 * A content header may exceed what was agreed by so much, in bytes: a broker adds headers of its own (`x-death`) to a
 * message that came within the limit, and cannot split them.
 */
const HEADER_TOLERANCE = 64 * 1024;

/** Time in ms that the peer gets to read the last bytes. */
const LINGER = 2_000;

/**
 * One socket with the connection's one write path and one read path.
 *
 * Writing: whoever appends to `writer` causes one flush at the end of the tick. What the kernel takes at once is done
 * with at once, its slab in use again; while a write is under way frames gather and go out together when it completes.
 */
export class Transport {
  readonly writer = new FrameWriter(() => this.planFlush());
  /** Clock time of the last byte written: any traffic is a sign of life. */
  lastSent: number;
  private received: number;
  private readonly inflow: Inflow;
  private readonly reader: FrameReader;
  private beforeFlush: (() => void)[] = [];
  private planned = false;
  private writesUnderWay = 0;
  private bytesInWrite = 0;
  private cancelLinger: (() => void) | undefined;
  /** Resolved when the next write is complete. */
  private writtenWaiters: Deferred<void>[] = [];
  /** Resolved when the write that is under way is complete. */
  private waitersInWrite: Deferred<void>[] = [];
  /** Somebody was told that there is no room. */
  private roomAwaited = false;
  private dead = false;
  private reading = false;
  private readonly unread: Buffer[] = [];

  constructor(
    readonly socket: net.Socket,
    readonly address: string,
    private readonly clock: Clock,
    private readonly handler: TransportHandler,
    maxHeldBytes: number,
  ) {
    this.reader = new FrameReader(handler);
    this.received = this.lastSent = clock.now();
    const tap = {
      pause: () => socket.pause(),
      resume: () => {
        this.received = clock.now();
        socket.resume();
      },
    };
    this.inflow = new Inflow(tap, clock, maxHeldBytes, handler);
    socket.setNoDelay?.(true);
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  /** Clock time of the last byte that came; now, while we do not read: that is our silence, not the peer's. */
  get lastReceived(): number {
    return this.inflow.paused ? this.clock.now() : this.received;
  }

  /** Bytes that are not yet the kernel's. */
  get bufferedBytes(): number {
    return this.writer.pendingBytes + this.bytesInWrite;
  }

  /** True if fewer than `limit` bytes are unwritten. If not, `onRoom` is called after the next completed write. */
  hasRoom(limit: number): boolean {
    if (this.bufferedBytes < limit) return true;
    this.roomAwaited = true;
    return false;
  }

  /**
   * Settles the largest frame in both directions, in bytes.
   *
   * @param offered the broker's own limit: with it another connection may have published the headers that come here
   */
  tune(frameMax: number, offered: number): void {
    this.writer.frameMax = frameMax;
    this.reader.frameMax = frameMax;
    this.reader.headerTolerance = Math.max(0, offered - frameMax) + HEADER_TOLERANCE;
  }

  /** Takes what the socket brought. The bytes are only ours until this returns. */
  receive(chunk: Buffer): void {
    if (this.dead) return;
    this.received = this.clock.now();
    // Somebody's own socket brings an answer from within a write: it stands behind what is being read.
    if (this.reading) return void this.unread.push(Buffer.from(chunk));
    this.reading = true;
    this.read(chunk);
    while (this.unread.length > 0 && !this.dead) this.read(this.unread.shift()!);
    this.reading = false;
  }

  private read(chunk: Buffer): void {
    try {
      this.reader.push(chunk);
    } catch (error) {
      this.reader.stop();
      this.handler.onMalformed(error, chunk);
    }
    this.handler.onChunkDone();
    this.inflow.came(chunk.length);
  }

  /** Resolves once the kernel has all that was appended so far, or the socket is gone: then nobody reads it any more. */
  whenWritten(): Promise<void> {
    const waiter = new Deferred<void>();
    // An append that fills a slab is written at once: then nothing of it waits any more.
    if (this.dead || this.bufferedBytes === 0) waiter.resolve();
    else (this.writer.pendingBytes > 0 ? this.writtenWaiters : this.waitersInWrite).push(waiter);
    return waiter.promise;
  }

  /** Runs `task` right before the next flush, whatever it appends goes out with it: acks gather until then. */
  atFlush(task: () => void): void {
    this.beforeFlush.push(task);
    this.planFlush();
  }

  private flush(): void {
    this.planned = false;
    if (!this.dead && this.writesUnderWay === 0) this.writeOut();
  }

  private writeOut(): void {
    // What the tasks append belongs to this flush and plans no other.
    this.planned = true;
    for (const task of this.beforeFlush.splice(0)) task();
    this.planned = false;
    const batch = this.writer.take();
    if (!batch) return;
    this.lastSent = this.clock.now();
    const waiters = this.writtenWaiters.splice(0);
    // finish() also writes behind a write that is under way: whoever waits for that one goes on waiting.
    if (this.writesUnderWay > 0) waiters.push(...this.waitersInWrite);
    this.waitersInWrite = waiters;
    let taken = false;
    const written = (): void => {
      // The callback also comes, later, for what was taken at once.
      if (taken) return;
      resolveAll(waiters);
      this.writesUnderWay--;
      this.bytesInWrite -= batch.bytes;
      this.writer.recycle(batch);
      if (this.dead) return;
      this.flush();
      this.tellOfRoom();
    };
    this.writesUnderWay++;
    this.bytesInWrite += batch.bytes;
    const last = batch.chunks.length - 1;
    try {
      if (last > 0) this.socket.cork();
      batch.chunks.forEach((chunk, index) => this.socket.write(chunk, index === last ? written : undefined));
      if (last > 0) this.socket.uncork();
    } catch (error) {
      // Node's own never throw; somebody's own may.
      return this.destroy(error as Error);
    }
    // Its callbacks wait for the tick's end: to wait with them would mean a new slab, and another tick, per write.
    if (this.socket.writableLength !== 0 || this.dead) return;
    taken = true;
    resolveAll(waiters);
    this.writesUnderWay--;
    this.bytesInWrite -= batch.bytes;
    this.writer.recycle(batch);
    // Somebody's own socket may have brought an answer from within its write.
    if (this.writer.pendingBytes > 0 || this.beforeFlush.length > 0) this.planFlush();
    // Not from within the append that caused this flush.
    if (this.roomAwaited) queueMicrotask(() => this.tellOfRoom());
  }

  private tellOfRoom(): void {
    if (!this.roomAwaited || this.dead) return;
    this.roomAwaited = false;
    this.handler.onRoom();
  }

  sendHeartbeat(): void {
    this.writer.heartbeat();
  }

  /** Writes what has gathered, also behind a write that is under way, and closes the socket. What still comes is dropped. */
  finish(): void {
    if (this.dead) return;
    this.reader.stop();
    // Else the peer's end would not be seen.
    this.inflow.stop();
    this.writeOut();
    this.socket.end(() => this.destroy());
    if (this.ended) return;
    // A peer that reads nothing any more would keep the socket open for ever.
    this.cancelLinger = this.clock.after(LINGER, () => this.destroy());
  }

  private get ended(): boolean {
    return this.dead;
  }

  /** Ends it at once; the handler hears of it, once. */
  destroy(error?: Error): void {
    if (this.dead) return;
    this.dead = true;
    this.inflow.stop();
    this.cancelLinger?.();
    this.reader.stop();
    resolveAll([...this.writtenWaiters.splice(0), ...this.waitersInWrite]);
    this.socket.destroy();
    this.handler.onEnd(error);
  }

  private planFlush(): void {
    if (this.writesUnderWay > 0 || this.dead) return;
    if (this.writer.pendingBytes >= EAGER_FLUSH_SIZE) return this.flush();
    if (this.planned) return;
    this.planned = true;
    this.clock.afterPendingEvents(() => {
      if (this.planned) this.flush();
    });
  }
}

function resolveAll(waiters: readonly Deferred<void>[]): void {
  for (const waiter of waiters) waiter.resolve();
}

/** The receiver of a transport's events. */
export interface TransportHandler extends FrameHandler, InflowOwner {
  /** The peer sent bytes that are not AMQP. Nothing more is read. */
  onMalformed(error: unknown, chunk: Buffer): void;
  /** All of a chunk's frames have been handed out. */
  onChunkDone(): void;
  /** A write is done: there may be the room that `hasRoom` denied. */
  onRoom(): void;
  /** The socket is gone. Called once. */
  onEnd(error: Error | undefined): void;
}

/** Connects TCP, or TLS, and wraps it. @throws the socket's own error, or the signal's reason */
export async function openTransport(
  endpoint: Endpoint,
  options: ResolvedOptions,
  handler: TransportHandler,
  signal: AbortSignal,
): Promise<Transport> {
  signal.throwIfAborted();
  const address = addressOf(endpoint);
  if (options.createSocket) {
    const socket = await inTime(madeSocket(options.createSocket, endpoint, signal), signal);
    const transport = new Transport(socket, address, options.clock, handler, options.maxHeldBytes);
    socket.on('data', (chunk: unknown) => {
      if (chunk instanceof Uint8Array) transport.receive(chunk as Buffer);
      else transport.destroy(new ConfigurationError('createSocket: the socket reads text; do not call setEncoding()'));
    });
    return transport;
  }
  let transport: Transport | undefined;
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BUFFER_SIZE),
    callback(size: number, buffer: Uint8Array): boolean {
      transport?.receive((buffer as Buffer).subarray(0, size));
      return true;
    },
  };
  const target = { host: endpoint.host, port: endpoint.port };
  // onread is documented for tls.connect too, but missing from its types.
  const secured = { servername: net.isIP(endpoint.host) ? '' : endpoint.host, ...options.tls, ...target, onread };
  const socket = endpoint.tls ? tls.connect(secured) : net.connect({ ...target, onread });
  await new Promise<void>((resolve, reject) => {
    const unwatch = onAbort(signal, () => {
      socket.destroy();
      reject(signal.reason as Error);
    });
    socket.once('error', reject);
    socket.once(endpoint.tls ? 'secureConnect' : 'connect', () => {
      unwatch();
      socket.off('error', reject);
      resolve();
    });
  });
  transport = new Transport(socket, address, options.clock, handler, options.maxHeldBytes);
  return transport;
}

/** @throws ConfigurationError for what is no socket, or the error of the function that makes it */
async function madeSocket(
  make: NonNullable<ResolvedOptions['createSocket']>,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<net.Socket> {
  let socket: unknown;
  try {
    socket = await make(endpoint, signal);
  } catch (thrown) {
    throw foreignError(thrown, 'createSocket');
  }
  const { on, write } = (socket ?? {}) as Partial<net.Socket>;
  if (typeof on === 'function' && typeof write === 'function') return socket as net.Socket;
  throw new ConfigurationError('createSocket must return a socket, or another Duplex');
}

/** Somebody else's socket, unless the deadline comes first: one that is late is closed. */
async function inTime<S extends { destroy(): unknown }>(making: Promise<S>, signal: AbortSignal): Promise<S> {
  try {
    return await untilAborted(making, signal);
  } catch (error) {
    making.then(
      (socket) => socket.destroy(),
      () => {},
    );
    throw error;
  }
}
