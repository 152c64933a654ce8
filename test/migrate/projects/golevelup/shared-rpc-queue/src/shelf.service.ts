import { Injectable } from '@nestjs/common';

@Injectable()
export class ShelfService {
  private readonly counts = new Map([
    ['bolt', 12],
    ['nut', 3],
  ]);

  count(item: string): number {
    return this.counts.get(item) ?? 0;
  }

  change(item: string, by: number): boolean {
    const left = this.count(item) + by;
    if (left < 0) return false;
    this.counts.set(item, left);
    return true;
  }

  all(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}
