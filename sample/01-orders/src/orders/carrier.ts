import { Injectable } from '@nestjs/common';

/** The company that ships orders; the page can make it fail. */
@Injectable()
export class Carrier {
  private failures = 0;

  failNext(count: number): void {
    this.failures = count;
  }

  pickUp(): void {
    if (this.failures === 0) return;
    this.failures--;
    throw new Error('The carrier does not answer');
  }
}
