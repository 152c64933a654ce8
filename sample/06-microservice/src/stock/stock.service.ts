import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { from, type Observable } from 'rxjs';

export interface StockItem {
  readonly item: string;
  readonly left: number;
}

/** The request for a reservation. */
export interface Reservation {
  readonly item: string;
  readonly quantity: number;
}

@Controller()
export class StockService {
  private readonly stock = new Map([
    ['lamp', 5],
    ['chair', 2],
  ]);

  @MessagePattern({ service: 'stock', cmd: 'reserve' })
  reserve(@Payload() { item, quantity }: Reservation): StockItem {
    const left = (this.stock.get(item) ?? 0) - quantity;
    // The requester receives the content of the RpcException.
    if (left < 0) throw new RpcException({ code: 'out-of-stock', message: `not enough of '${item}' left` });
    this.stock.set(item, left);
    return { item, left };
  }

  /** Emits one response per item. */
  @MessagePattern({ service: 'stock', cmd: 'list' })
  list(): Observable<StockItem> {
    return from([...this.stock].map(([item, left]) => ({ item, left })));
  }
}
