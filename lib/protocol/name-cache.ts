import type { Buffer } from 'node:buffer';
import { decodeText } from './lossless-text.js';

/**
 * Numbers of slots, powers of two: few for names that senders vary freely, more for names that are as many as
 * consumers.
 */
const FEW = 16;
const MANY = 1024;

/**
 * Decodes names that repeat with each message: consumer tags, exchanges, routing keys. A known name is found by
 * comparing its bytes, which takes a third of the time of decoding. The number of names is limited; a new name replaces
 * an old one.
 */
export class NameCache {
  private names = new Array<string>(FEW).fill('');

  constructor(private readonly most: number) {}

  /** Returns the text between `start` and `end`. */
  read(buffer: Buffer, start: number, end: number): string {
    const size = end - start;
    if (size === 0) return '';
    // Related names differ at their end. The length byte stands before the name, so the bytes read here exist.
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

/**
 * One cache for each kind of name, since names of one kind are similar and replace each other only when there are many.
 */
export class DeliverNames {
  readonly consumerTags = new NameCache(MANY);
  readonly exchanges = new NameCache(FEW);
  readonly routingKeys = new NameCache(FEW);
}

/**
 * Returns true if the bytes are this name. Only ASCII can match, since no byte over 127 is decoded as the character of
 * that number.
 */
function fits(name: string, buffer: Buffer, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== buffer[start + index]) return false;
  }
  return true;
}
