import { Duplex } from 'node:stream';

/** The part of a wire that a socket uses. */
export interface WireEnd {
  /** Sends bytes to the peer. Calls `taken` once the wire has copied them, maybe at once. */
  send(chunks: readonly Buffer[], taken: () => void): void;
  /** Sends a FIN behind the bytes. */
  shut(): void;
  /** Called when this end is gone. `reset`: the peer gets an error instead of an orderly end. */
  gone(reset: boolean): void;
  /** Called when this end has room for bytes that the wire holds for it. */
  wanted(): void;
}

/**
 * One end of a wire, a stream like `net.Socket` without a kernel. It overwrites the bytes of a read when the listeners have
 * returned, as Node does with its static read buffer.
 */
export class SimSocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort = 5672;
  /** Set for a reset on destroy (see lib/broker/connection/reset-socket.ts). */
  resetAndClosing = false;
  private wire: WireEnd | undefined;

  constructor(
    readonly label: string,
    /** The socket overwrites the bytes of each read. */
    private readonly poison: boolean,
  ) {
    super({ allowHalfOpen: false, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 16 * 1024 });
    this.remoteAddress = label;
  }

  attach(wire: WireEnd): void {
    this.wire = wire;
  }

  setNoDelay(): this {
    return this;
  }

  resetAndDestroy(): this {
    this.resetAndClosing = true;
    return this.destroy();
  }

  /** Takes bytes from the wire. Returns false if the wire has to hold the next bytes until `wanted`. */
  bring(chunk: Buffer): boolean {
    return this.destroyed || this.push(chunk);
  }

  /** Takes the peer's FIN. */
  bringEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const heard = super.emit(event as 'data', ...args);
    if (this.poison && event === 'data') (args[0] as Buffer).fill(0xee);
    return heard;
  }

  override _read(): void {
    this.wire?.wanted();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.wire!.send([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.wire!.send(chunks.map(({ chunk }) => chunk), done); // prettier-ignore
  }

  override _final(done: (error?: Error | null) => void): void {
    this.wire!.shut();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.wire?.gone(this.resetAndClosing);
    done(error);
  }
}
