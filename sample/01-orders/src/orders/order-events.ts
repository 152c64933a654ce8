import { randomUUID } from 'node:crypto';
import { Injectable, type BeforeApplicationShutdown, type MessageEvent } from '@nestjs/common';
import { concat, defer, from, Subject, type Observable } from 'rxjs';
import type { Order } from './order.js';

/** A step of an order. */
export interface OrderEvent {
  readonly order: Order;
  readonly step:
    'published' | 'confirmed' | 'billed' | 'shipped' | 'retried' | 'parked' | 'redriven' | 'returned' | 'failed';
  /** Details of the step. */
  readonly detail?: string;
  /** The number of the attempt that failed, from 1. */
  readonly attempt?: number;
}

/** Orders that a page receives when it opens, or reconnects. */
const REMEMBERED = 100;

/** The steps of all orders, as a stream of server-sent events. */
@Injectable()
export class OrderEvents implements BeforeApplicationShutdown {
  private readonly live = new Subject<MessageEvent>();
  /** Each recent order and its steps, by its id. */
  private readonly recent = new Map<string, { readonly order: Order; readonly steps: MessageEvent[] }>();
  /** Makes event ids unique across processes, so that a page recognizes an event after a reconnect. */
  private readonly process = randomUUID();
  private lastId = 0;

  /** Returns false for an order that is forgotten already, was placed at another server, or is part of a flood. */
  add(event: OrderEvent): boolean {
    if (event.step === 'published') this.begin(event.order);
    const known = this.recent.get(event.order.id);
    if (!known) return false;
    const message = { id: `${this.process}.${++this.lastId}`, data: event };
    known.steps.push(message);
    this.live.next(message);
    return true;
  }

  /** Adds a step of the order with this id. */
  tell(id: string | undefined, event: Omit<OrderEvent, 'order'>): void {
    const order = id === undefined ? undefined : this.recent.get(id)?.order;
    if (order) this.add({ order, ...event });
  }

  /** Emits the recent steps, then all further ones. */
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
