import { Injectable } from '@nestjs/common';

/** An external service that is down at times. */
@Injectable()
export class Bank {
  up = false;

  charge(amount: number): void {
    if (!this.up) throw new Error(`the bank does not answer (charging ${amount})`);
  }
}
