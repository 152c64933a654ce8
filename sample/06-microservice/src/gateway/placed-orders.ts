import { Injectable } from '@nestjs/common';
import type { Order } from '../orders/orders.service.js';

/** Keeps the latest orders. */
@Injectable()
export class PlacedOrders {
  private readonly latest: Order[] = [];

  get all(): readonly Order[] {
    return this.latest;
  }

  add(order: Order): void {
    this.latest.unshift(order);
    this.latest.splice(100);
  }
}
