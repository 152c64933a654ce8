import { context, SpanKind, type Span, type Tracer } from '@opentelemetry/api';
import type { SettleTrace } from '../../lib/client/index.js';
import { StaleDeliveryError } from '../settlement/settlement.errors.js';
import { settleAttributes, spanName } from './attributes.js';
import { contextIn, headersOf, spanIn } from './carrier.js';
import { endSpan } from './spans.js';

/** The span of each settlement. Its parent is the active span, such as that of the handler. */
export class SettleSpans {
  private readonly spans = new WeakMap<SettleTrace, Span>();

  /** @param tracer the present one */
  constructor(private readonly tracer: () => Tracer) {}

  readonly start = (message: SettleTrace): void => {
    const { delivery, method } = message;
    const made = spanIn(contextIn(headersOf(delivery)));
    const options = {
      kind: SpanKind.CLIENT,
      attributes: settleAttributes(message),
      links: made ? [{ context: made }] : [],
    };
    const name = spanName(method, delivery.exchange, delivery.routingKey);
    this.spans.set(message, this.tracer().startSpan(name, options, context.active()));
  };

  readonly end = (message: SettleTrace): void => {
    const span = this.spans.get(message);
    if (span) endSpan(span, message.error ?? lossOf(message));
  };
}

function lossOf({ delivery }: SettleTrace): StaleDeliveryError | undefined {
  return delivery.stale
    ? new StaleDeliveryError('the channel was lost before, so the settlement has no effect')
    : undefined;
}
