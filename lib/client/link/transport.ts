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

/** Size in bytes of the read buffer. It holds one read at a time; frames are parsed in it and copied out. */
const READ_BUFFER_SIZE = 64 * 1024;
/** Gathered bytes from which a write starts before the tick ends, so that the kernel works in parallel. */
const EAGER_FLUSH_SIZE = 64 * 1024;

/**
 * Bytes by which a content header may exceed the negotiated frame size: a broker adds headers (`x-death`) to a message
 * within the limit, and a header frame cannot be split.
 */
const HEADER_TOLERANCE = 64 * 1024;

/** Time in ms for the peer to read the last bytes. */
const LINGER = 2_000;

/**
 * A socket with the connection's only write path and read path.
 *
 * Writing: an append to `writer` causes one flush at the end of the tick. If the kernel takes the bytes at once, their
 * slab is reused at once. During a pending write, frames are gathered, and sent together when it completes.
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
  /** True if a caller was told that there is no room. */
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

  /**
   * Clock time of the last received byte; the present time while the socket is not read, since the peer is not silent
   * then.
   */
  get lastReceived(): number {
    return this.inflow.paused ? this.clock.now() : this.received;
  }

  /** Bytes that the kernel does not have yet. */
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
   * Sets the largest frame in both directions, in bytes.
   *
   * @param offered the broker's limit, with which another connection may have published the headers that arrive here
   */
  tune(frameMax: number, offered: number): void {
    this.writer.frameMax = frameMax;
    this.reader.frameMax = frameMax;
    this.reader.headerTolerance = Math.max(0, offered - frameMax) + HEADER_TOLERANCE;
  }

  /** Processes received bytes, which are valid only until this returns. */
  receive(chunk: Buffer): void {
    if (this.dead) return;
    this.received = this.clock.now();
    // A custom socket may deliver an answer from within a write. It is processed after the present bytes.
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

  /**
   * Resolves when the kernel has all bytes that were appended so far, or the socket is gone. The bytes are not read any
   * more then.
   */
  whenWritten(): Promise<void> {
    const waiter = new Deferred<void>();
    // An append that fills a slab is written at once, so nothing may wait any more.
    if (this.dead || this.bufferedBytes === 0) waiter.resolve();
    else (this.writer.pendingBytes > 0 ? this.writtenWaiters : this.waitersInWrite).push(waiter);
    return waiter.promise;
  }

  /**
   * Calls `task` right before the next flush, which includes the bytes that the task appends. Acks are gathered until
   * then.
   */
  atFlush(task: () => void): void {
    this.beforeFlush.push(task);
    this.planFlush();
  }

  private flush(): void {
    this.planned = false;
    if (!this.dead && this.writesUnderWay === 0) this.writeOut();
  }

  private writeOut(): void {
    // Appends of the tasks belong to this flush and plan no other.
    this.planned = true;
    for (const task of this.beforeFlush.splice(0)) task();
    this.planned = false;
    const batch = this.writer.take();
    if (!batch) return;
    this.lastSent = this.clock.now();
    const waiters = this.writtenWaiters.splice(0);
    // finish() also writes during a pending write. Callers that wait for the pending one continue to wait.
    if (this.writesUnderWay > 0) waiters.push(...this.waitersInWrite);
    this.waitersInWrite = waiters;
    let taken = false;
    const written = (): void => {
      // The callback is also called, later, for bytes that were taken at once.
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
      // Node's sockets never throw; a custom socket may.
      return this.destroy(error as Error);
    }
    // The callbacks are called at the end of the tick. Waiting for them would cost a new slab, and another tick, per
    // write.
    if (this.socket.writableLength !== 0 || this.dead) return;
    taken = true;
    resolveAll(waiters);
    this.writesUnderWay--;
    this.bytesInWrite -= batch.bytes;
    this.writer.recycle(batch);
    // A custom socket may have delivered an answer from within its write.
    if (this.writer.pendingBytes > 0 || this.beforeFlush.length > 0) this.planFlush();
    // Not within the append that caused this flush.
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

  /**
   * Writes the gathered bytes, even during a pending write, and closes the socket. Later received bytes are dropped.
   */
  finish(): void {
    if (this.dead) return;
    this.reader.stop();
    // A paused socket would not notice the peer's end.
    this.inflow.stop();
    this.writeOut();
    this.socket.end(() => this.destroy());
    if (this.ended) return;
    // A peer that does not read would keep the socket open for ever.
    this.cancelLinger = this.clock.after(LINGER, () => this.destroy());
  }

  private get ended(): boolean {
    return this.dead;
  }

  /** Ends the transport at once. The handler is called once. */
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
  /** All frames of a chunk were passed on. */
  onChunkDone(): void;
  /** A write is complete, and there may be room again after `hasRoom` returned false. */
  onRoom(): void;
  /** The socket is gone. Called once. */
  onEnd(error: Error | undefined): void;
}

/** Connects by TCP or TLS, and wraps the socket. @throws the socket's error, or the signal's reason */
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

/** @throws ConfigurationError for a value that is no socket, or the error of the function that creates it */
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

/** Waits for a custom socket within the deadline. A late socket is closed. */
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
