import type { Buffer } from 'node:buffer';
import { decodeText } from './lossless-text.js';

/** Slots, powers of two: for what any sender may vary without end, and for what has as many as there are consumers. */
const FEW = 16;
const MANY = 1024;

/**
 * Decodes names that come with message after message: consumer tags, exchanges, routing keys. One that was decoded
 * before is found by comparing its bytes, for a third of what decoding takes. Bounded: from `most` slots on a name
 * takes the place of another.
 */
export class NameCache {
  private names = new Array<string>(FEW).fill('');

  constructor(private readonly most: number) {}

  /** The text between `start` and `end`. */
  read(buffer: Buffer, start: number, end: number): string {
    const size = end - start;
    if (size === 0) return '';
    // Names that belong together differ at their end; before it stands their length, that is a byte in any case.
    const hash = buffer[end - 1]! + 11 * buffer[end - 2]! + 121 * buffer[Math.max(end - 3, start)]! + size;
    const slot = hash & (this.names.length - 1);
    const name = this.names[slot]!;
    if (name.length === size && fits(name, buffer, start)) return name;
    const decoded = decodeText(buffer, start, end);
    if (name !== '' && this.names.length < this.most) {
      this.names = new Array<string>(this.names.length * 2).fill('');
      return decoded;
    }
    return (this.names[slot] = decoded);
  }
}

/** One for each kind: names of one kind are alike, and take each other's place only when there are many. */
export class DeliverNames {
  readonly consumerTags = new NameCache(MANY);
  readonly exchanges = new NameCache(FEW);
  readonly routingKeys = new NameCache(FEW);
}

/** Whether these bytes are this name. Only ASCII ever fits: no byte over 127 is read as the character of that number. */
function fits(name: string, buffer: Buffer, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== buffer[start + index]) return false;
  }
  return true;
}
