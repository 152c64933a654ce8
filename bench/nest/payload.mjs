/** An ordinary event: 120 bytes of JSON. */
export const PAYLOAD = {
  id: 'ord-2026-000001',
  customer: 'cus-184467',
  total: 129.95,
  currency: 'EUR',
  items: 3,
  note: 'leave it at the gate',
};
export const PATTERN = 'order.created';
/** Requests that a service may have at once: more than a case has in flight. */
export const SERVICE_PREFETCH = 200;
