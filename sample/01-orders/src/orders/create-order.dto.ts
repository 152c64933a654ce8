import { IsIn, ValidateIf } from 'class-validator';
import { OrderDetails } from './order.js';

/** One has a queue bound to it, the other has not: that is what the page's second button is for. */
export const ROUTES = ['order.created', 'order.nowhere'] as const;

export class CreateOrderDto extends OrderDetails {
  /** Routing key. Default `order.created`. */
  @ValidateIf((_, route) => route !== undefined) // IsOptional() would let null pass
  @IsIn(ROUTES)
  route?: (typeof ROUTES)[number];
}
