export enum Exchanges {
  Orders = 'orders.events',
  DeadLetters = 'orders.dlx',
}

export const RoutingKeys = {
  OrderPaid: 'order.paid',
  OrderShipped: 'order.shipped',
} as const;

export const SHIPPING_QUEUE = 'shipping.order-paid';
