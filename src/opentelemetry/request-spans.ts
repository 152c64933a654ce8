import { context, SpanKind, trace, type Span, type Tracer } from '@opentelemetry/api';
import type { RequestTrace } from '../rpc/request-trace.js';
import { sendAttributes, spanName } from './attributes.js';
import { contextIn, headersOf, spanIn } from './carrier.js';
import { endSpan } from './spans.js';

/** The span of each request, from its publish to its last reply. */
export class RequestSpans {
  private readonly spans = new WeakMap<RequestTrace, Span>();

  /** @param tracer the present one */
  constructor(private readonly tracer: () => Tracer) {}

  readonly start = (message: RequestTrace): void => {
    const { exchange, routingKey, correlationId, properties } = message;
    const active = context.active();
    const attributes = sendAttributes('request', message, { messageId: properties.messageId, correlationId });
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = this.tracer().startSpan(spanName('request', exchange, routingKey), options, active);
    this.spans.set(message, span);
    const inside = trace.setSpan(active, span);
    message.runIn((work) => context.with(inside, work));
  };

  readonly end = (message: RequestTrace): void => {
    const span = this.spans.get(message);
    if (!span) return;
    const replied = message.reply && spanIn(contextIn(headersOf(message.reply)));
    if (replied) span.addLink({ context: replied });
    endSpan(span, message.error);
  };
}
