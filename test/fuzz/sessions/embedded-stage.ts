import type { Duplex } from 'node:stream';
import { EmbeddedBroker } from '../../../lib/broker/index.js';
import { memoryDuplexes, type MemoryDuplex } from '../../support/memory-duplex.js';
import { FuzzClock, turn } from '../client-world.js';
import type { Stage } from './player.js';

/** An embedded broker in this process, with its own clock. */
export class EmbeddedStage implements Stage {
  readonly patience = 0;
  readonly clock = new FuzzClock();
  readonly complaints: string[] = [];
  readonly broker = EmbeddedBroker.create({
    clock: this.clock,
    log: (line) => void (line.includes('internal error') && this.complaints.push(line)),
  });
  /** The size of the broker's reads, in bytes. */
  piece = Infinity;
  /** Called whenever the stage waits for the broker. */
  onQuiet: () => void = () => {};
  private readonly streams = new Set<MemoryDuplex>();
  private activity = 0;

  get url(): string {
    return this.broker.url;
  }

  dial(): Promise<Duplex> {
    const [ours, theirs] = memoryDuplexes();
    this.broker.attach(theirs);
    ours.piece = this.piece;
    this.streams.add(ours);
    ours.on('data', () => void this.activity++).once('close', () => this.streams.delete(ours));
    return Promise.resolve(ours);
  }

  async quiet(): Promise<void> {
    this.onQuiet();
    for (let before = -1; before !== this.activity;) {
      before = this.activity;
      for (let turns = 0; turns < 2; turns++) await turn();
      for (const { writableLength } of this.streams) if (writableLength > 0) this.activity++;
    }
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.quiet();
  }
}
