/**
 * The header in which a retried, parked or redriven message carries the span contexts of its way, for links between its
 * attempts. Only on messages of applications that trace.
 */
export const TRACE_HEADER = 'x-nest-amqp-trace';
