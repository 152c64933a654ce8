import { IsIn, ValidateIf } from 'class-validator';
import { OrderDetails } from './order.js';

/** A queue is bound with the first key and none with the second, which the page's second button uses. */
export const ROUTES = ['order.created', 'order.nowhere'] as const;

export class CreateOrderDto extends OrderDetails {
  /** Routing key. Default `order.created`. */
  @ValidateIf((_, route) => route !== undefined) // IsOptional() would let null pass
  @IsIn(ROUTES)
  route?: (typeof ROUTES)[number];
}
