import { Duplex } from 'node:stream';

/** One half of a connection in memory. */
export class MemoryDuplex extends Duplex {
  peer: MemoryDuplex | undefined;
  /** It was ended as a TCP connection is by RST. */
  reset = false;
  /** What is written arrives in pieces of so many bytes. */
  piece = Infinity;
  private held: (() => void)[] | undefined;

  /** What is written arrives, and the write is not done before the function that this returns is called. */
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
    // The writer uses its buffer again once the write is done.
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

/** Two streams, each of which reads what is written to the other. */
export function memoryDuplexes(): [MemoryDuplex, MemoryDuplex] {
  const [one, other] = [new MemoryDuplex(), new MemoryDuplex()];
  [one.peer, other.peer] = [other, one];
  return [one, other];
}
