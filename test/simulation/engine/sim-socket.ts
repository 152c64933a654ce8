import { Duplex } from 'node:stream';

/** What a socket asks of its wire. */
export interface WireEnd {
  /** Bytes to the peer; `taken` is called once the wire has copied them, maybe at once. */
  send(chunks: readonly Buffer[], taken: () => void): void;
  /** FIN, behind what was sent. */
  shut(): void;
  /** This end is gone; `reset`: the peer gets an error and not an orderly end. */
  gone(reset: boolean): void;
  /** There is room for bytes that the wire holds for this end. */
  wanted(): void;
}

/**
 * One end of a wire: a stream such as `net.Socket` is one, without a kernel. What it hands out is overwritten as soon as the
 * listeners have returned, as Node's static read buffer is.
 */
export class SimSocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort = 5672;
  /** Set by whoever wants a reset on destroy (see lib/broker/connection/reset-socket.ts). */
  resetAndClosing = false;
  private wire: WireEnd | undefined;

  constructor(
    readonly label: string,
    /** Handed-out bytes are overwritten. */
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

  /** Bytes from the wire. False: hold what follows until `wanted`. */
  bring(chunk: Buffer): boolean {
    return this.destroyed || this.push(chunk);
  }

  /** The peer's FIN. */
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
