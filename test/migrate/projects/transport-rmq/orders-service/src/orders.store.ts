import { Injectable } from '@nestjs/common';

@Injectable()
export class OrdersStore {
  readonly orders = new Map<number, string>();
}
