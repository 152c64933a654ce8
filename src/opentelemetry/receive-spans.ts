import { context, SpanKind, type Span, type Tracer } from '@opentelemetry/api';
import type { ReceiveTrace } from '../../lib/client/index.js';
import { receiveAttributes, receivedAttributes, spanName } from './attributes.js';
import { contextIn, headersOf, spanIn } from './carrier.js';
import { endSpan } from './spans.js';

/** The span of each `basicGet()`. Its parent is the active span; it links to the publish of the message that it got. */
export class ReceiveSpans {
  private readonly spans = new WeakMap<ReceiveTrace, Span>();

  /** @param tracer the present one */
  constructor(private readonly tracer: () => Tracer) {}

  readonly start = (message: ReceiveTrace): void => {
    const options = { kind: SpanKind.CLIENT, attributes: receiveAttributes(message) };
    this.spans.set(message, this.tracer().startSpan(spanName('get', '', message.queue), options, context.active()));
  };

  readonly end = (message: ReceiveTrace): void => {
    const span = this.spans.get(message);
    if (!span) return;
    const { queue, delivery } = message;
    if (delivery) {
      span.setAttributes(receivedAttributes(delivery, queue));
      const made = spanIn(contextIn(headersOf(delivery)));
      if (made) span.addLink({ context: made });
    }
    endSpan(span, message.error);
  };
}
