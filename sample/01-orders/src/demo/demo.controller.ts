import { randomUUID } from 'node:crypto';
import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ConfirmingPublisher, ParkingLot } from 'nest-amqp';
import type { Order } from '../orders/order.js';
import { OrderEvents } from '../orders/order-events.js';
import { Carrier } from '../orders/carrier.js';
import { DemoBroker } from './demo-broker.js';

/** Length of an outage in ms. */
const OUTAGE = 5_000;
/** Orders of a flood. */
const FLOOD = 10_000;
/** Attempts of shipping that fail on request of the page: as many as an order has. */
const FAILURES = 3;

/** The page's buttons: they cause faults, and send parked orders back. */
@Controller('demo')
export class DemoController {
  constructor(
    private readonly broker: DemoBroker,
    private readonly carrier: Carrier,
    private readonly events: OrderEvents,
    private readonly parkingLot: ParkingLot,
    private readonly publisher: ConfirmingPublisher,
  ) {}

  @Get()
  about(): { broker: string; embedded: boolean } {
    return { broker: this.broker.name, embedded: this.broker.isEmbedded };
  }

  @Post('failures')
  @HttpCode(200)
  fail(): { message: string } {
    this.carrier.failNext(FAILURES);
    return { message: `The next ${FAILURES} attempts to ship fail.` };
  }

  @Post('outage')
  @HttpCode(200)
  outage(): { message: string } {
    if (!this.broker.isEmbedded) return { message: 'Stop your broker by hand: this works with the embedded one only.' };
    this.broker.kill(OUTAGE);
    return { message: `The broker is dead for ${OUTAGE / 1_000} s. An order that you place now waits for it.` };
  }

  @Post('flood')
  @HttpCode(200)
  async flood(): Promise<{ message: string }> {
    const from = performance.now();
    const orders = Array.from({ length: FLOOD }, (_, index): Order => ({ id: randomUUID(), customer: 'Flood', item: 'Drop', quantity: (index % 9) + 1 })); // prettier-ignore
    await Promise.all(
      orders.map((order) =>
        this.publisher.publish('sample-01.orders', 'order.created', order, { messageId: order.id, timeout: 60_000 }),
      ),
    );
    const seconds = ((performance.now() - from) / 1_000).toFixed(1);
    return { message: `${FLOOD.toLocaleString('en')} orders are confirmed after ${seconds} s.` };
  }

  @Post('redrive')
  @HttpCode(200)
  async redrive(): Promise<{ message: string }> {
    const ids: (string | undefined)[] = [];
    const { redriven } = await this.parkingLot.redrive('sample-01.shipping', {
      filter: ({ messageId }) => ids.push(messageId) > 0,
    });
    for (const id of ids) this.events.tell(id, { step: 'redriven', detail: 'Sent back to sample-01.shipping' });
    return { message: redriven === 0 ? 'No order is parked.' : `Parked orders sent back: ${redriven}.` };
  }
}
