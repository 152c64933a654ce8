import { Injectable } from '@nestjs/common';
import type { Reading } from './reading.js';

/** Stands for a database that inserts many rows at once. */
@Injectable()
export class Averages {
  private readonly sums = new Map<string, { readonly sum: number; readonly count: number }>();
  /** The number of readings of each insert. */
  readonly batches: number[] = [];

  insert(readings: readonly Reading[]): void {
    this.batches.push(readings.length);
    for (const { sensor, value } of readings) {
      const { sum, count } = this.sums.get(sensor) ?? { sum: 0, count: 0 };
      this.sums.set(sensor, { sum: sum + value, count: count + 1 });
    }
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.sums].map(([sensor, { sum, count }]) => [sensor, sum / count]));
  }
}
