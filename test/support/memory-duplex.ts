import { Duplex } from 'node:stream';

/** One end of a connection in memory. */
export class MemoryDuplex extends Duplex {
  peer: MemoryDuplex | undefined;
  /** Whether the connection was reset, as TCP does with RST. */
  reset = false;
  /** Size of the pieces, in bytes, in which written data arrives. */
  piece = Infinity;
  private held: (() => void)[] | undefined;

  /** Holds back the callbacks of writes, while the data arrives, until the returned function is called. */
  holdWrites(): () => void {
    const held: (() => void)[] = (this.held = []);
    return () => {
      this.held = undefined;
      for (const done of held) done();
    };
  }

  resetAndDestroy(): this {
    this.reset = true;
    return this.destroy();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The writer reuses its buffer once the write has completed.
    const copy = Buffer.from(chunk);
    for (let at = 0; at < copy.length; at += this.piece) this.peer?.push(copy.subarray(at, at + this.piece));
    if (this.held) this.held.push(done);
    else setImmediate(done);
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this;
    setImmediate(() => peer?.destroy());
    done(error);
  }
}

/** Returns two streams; each reads what is written to the other. */
export function memoryDuplexes(): [MemoryDuplex, MemoryDuplex] {
  const [one, other] = [new MemoryDuplex(), new MemoryDuplex()];
  [one.peer, other.peer] = [other, one];
  return [one, other];
}
