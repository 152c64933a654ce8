import { randomUUID } from 'node:crypto';
import { Injectable, type BeforeApplicationShutdown, type MessageEvent } from '@nestjs/common';
import { concat, defer, from, Subject, type Observable } from 'rxjs';
import type { Order } from './order.js';

/** A step on an order's way. */
export interface OrderEvent {
  readonly order: Order;
  readonly step:
    'published' | 'confirmed' | 'billed' | 'shipped' | 'retried' | 'parked' | 'redriven' | 'returned' | 'failed';
  /** What there is to say of the step. */
  readonly detail?: string;
}

/** Orders that a page gets when it opens, or comes back after it lost its stream. */
const REMEMBERED = 100;

/** What happens to orders, as a stream of server-sent events. */
@Injectable()
export class OrderEvents implements BeforeApplicationShutdown {
  private readonly live = new Subject<MessageEvent>();
  /** Each order and its steps, by its id. */
  private readonly recent = new Map<string, { readonly order: Order; readonly steps: MessageEvent[] }>();
  /** An event's id is known again after a reconnect, and is none of another process. */
  private readonly process = randomUUID();
  private lastId = 0;

  /** False for an order that is forgotten already, was placed at another server, or is part of a flood. */
  add(event: OrderEvent): boolean {
    if (event.step === 'published') this.begin(event.order);
    const known = this.recent.get(event.order.id);
    if (!known) return false;
    const message = { id: `${this.process}.${++this.lastId}`, data: event };
    known.steps.push(message);
    this.live.next(message);
    return true;
  }

  /** A step of the order with this id. */
  tell(id: string | undefined, step: OrderEvent['step'], detail: string): void {
    const order = id === undefined ? undefined : this.recent.get(id)?.order;
    if (order) this.add({ order, step, detail });
  }

  /** The recent ones, then all that follow. */
  stream(): Observable<MessageEvent> {
    return concat(
      defer(() => from([...this.recent.values()].flatMap(({ steps }) => steps))),
      this.live,
    );
  }

  beforeApplicationShutdown(): void {
    this.live.complete();
  }

  private begin(order: Order): void {
    this.recent.set(order.id, { order, steps: [] });
    const [oldest] = this.recent.keys();
    if (this.recent.size > REMEMBERED) this.recent.delete(oldest!);
  }
}
