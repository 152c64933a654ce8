import { Body, ConflictException, Controller, Get, Post, ServiceUnavailableException } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { AmqpService, type AmqpClientProxy } from 'nest-amqp/microservices';
import { catchError, toArray, type Observable } from 'rxjs';
import { ORDERS, STOCK } from '../options.js';
import type { Order } from '../orders/orders.service.js';
import type { StockItem } from '../stock/stock.service.js';
import { PlacedOrders } from './placed-orders.js';
import { PlaceOrderDto } from './place-order.dto.js';

@Controller()
export class GatewayController {
  private readonly orders: AmqpClientProxy;
  private readonly stock: AmqpClientProxy;

  constructor(
    amqp: AmqpService,
    private readonly placed: PlacedOrders,
  ) {
    this.orders = amqp.createClient({ queue: ORDERS.queue, requestTimeout: 5_000 });
    this.stock = amqp.createClient({ queue: STOCK.queue, requestTimeout: 2_000 });
  }

  @Post('orders')
  place(@Body() order: PlaceOrderDto): Observable<Order> {
    return this.orders.send<Order>('orders.place', order).pipe(catchError(toHttp));
  }

  @Get('stock')
  list(): Observable<StockItem[]> {
    return this.stock.send<StockItem>({ service: 'stock', cmd: 'list' }, {}).pipe(toArray(), catchError(toHttp));
  }

  @Get('orders')
  all(): readonly Order[] {
    return this.placed.all;
  }

  @EventPattern<string>('order.*')
  onOrder(@Payload() order: Order): void {
    this.placed.add(order);
  }
}

/** Maps an error to HTTP: the error that a service has answered with, or nest-amqp's error when there is no answer. */
function toHttp(error: unknown): never {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'out-of-stock') throw new ConflictException(message);
  throw new ServiceUnavailableException(error instanceof Error ? error.name : message);
}
