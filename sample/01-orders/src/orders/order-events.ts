import { Injectable, type BeforeApplicationShutdown, type MessageEvent } from '@nestjs/common';
import { concat, defer, from, Subject, type Observable } from 'rxjs';
import type { Order } from './order.js';

/** A step on an order's way. */
export interface OrderEvent {
  readonly order: Order;
  readonly step: 'published' | 'confirmed' | 'consumed' | 'returned' | 'failed';
  /** What there is to say of the step. */
  readonly detail?: string;
}

/** Orders that a page gets when it opens, or comes back after it lost its stream. */
const REMEMBERED = 100;

/** What happens to orders, as a stream of server-sent events. */
@Injectable()
export class OrderEvents implements BeforeApplicationShutdown {
  private readonly live = new Subject<MessageEvent>();
  /** The steps of each order, by its id. */
  private readonly recent = new Map<string, MessageEvent[]>();
  private lastId = 0;

  add(event: OrderEvent): void {
    const steps = event.step === 'published' ? this.begin(event.order.id) : this.recent.get(event.order.id);
    if (!steps) return; // forgotten already, or placed at another server
    const message = { id: String(++this.lastId), data: event };
    steps.push(message);
    this.live.next(message);
  }

  /** The recent ones, then all that follow. */
  stream(): Observable<MessageEvent> {
    return concat(
      defer(() => from([...this.recent.values()].flat())),
      this.live,
    );
  }

  beforeApplicationShutdown(): void {
    this.live.complete();
  }

  private begin(id: string): MessageEvent[] {
    const steps: MessageEvent[] = [];
    this.recent.set(id, steps);
    const [oldest] = this.recent.keys();
    if (this.recent.size > REMEMBERED) this.recent.delete(oldest!);
    return steps;
  }
}
