/** A seeded random generator (sfc32) that can be split: a part that draws more numbers does not change the others. */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d = 1;

  constructor(seed: number, label = '') {
    let hash = 0x811c9dc5;
    for (let at = 0; at < label.length; at++) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193);
    this.a = seed >>> 0;
    this.b = (seed / 2 ** 32) >>> 0;
    this.c = hash >>> 0;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** Returns a number in [0, 1). */
  next(): number {
    const sum = (this.a + this.b + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return (sum >>> 0) / 2 ** 32;
  }

  bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at++) bytes[at] = this.next() * 256;
    return bytes;
  }

  /** Returns a new generator, which depends on one number of this generator and the label. */
  split(label: string): Prng {
    return new Prng(Math.floor(this.next() * 2 ** 32), label);
  }

  /** Returns a whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }

  /** Returns one of the names, with a probability by weight. */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    let left = this.next() * total(weights);
    let last: K | undefined;
    for (const name in weights) {
      left -= weights[name]!;
      if (left < 0) return name;
      last = name;
    }
    return last!;
  }
}

const totals = new WeakMap<object, number>();

/** Returns the sum of the weights. It is cached, since the same weights are used many times. */
function total(weights: Readonly<Record<string, number | undefined>>): number {
  const known = totals.get(weights);
  if (known !== undefined) return known;
  const sum = Object.values<number | undefined>(weights).reduce<number>((sum, weight) => sum + weight!, 0);
  totals.set(weights, sum);
  return sum;
}
