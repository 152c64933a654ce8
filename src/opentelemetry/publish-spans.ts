import { context, SpanKind, trace, type Context, type Span, type SpanContext, type Tracer } from '@opentelemetry/api';
import type { CopyOf, PublishTrace } from '../../lib/client/index.js';
import { TRACE_HEADER } from '../common/trace-header.js';
import { sendAttributes, spanName } from './attributes.js';
import { carry, contextIn, headersOf, spanIn, tableOf, wayIn } from './carrier.js';
import { endSpan } from './spans.js';

/** The span of each publish, until its outcome. */
export class PublishSpans {
  private readonly spans = new WeakMap<PublishTrace, Span>();

  /**
   * @param tracer the present one
   * @param firstAttempt of a message that waits for its retry in the process
   */
  constructor(
    private readonly tracer: () => Tracer,
    private readonly firstAttempt: (delivery: object) => SpanContext | undefined,
  ) {}

  readonly start = (message: PublishTrace): void => {
    const active = context.active();
    const { copyOf, exchange, routingKey, properties } = message;
    // A context that the message has already is not changed: it says where the message was made.
    const made = spanIn(contextIn(copyOf ? headersOf(copyOf.delivery) : properties.headers));
    const operation = copyOf?.kind ?? 'publish';
    const span = this.tracer().startSpan(
      spanName(operation, exchange, copyOf?.queue ?? routingKey),
      {
        kind: made ? SpanKind.CLIENT : SpanKind.PRODUCER,
        attributes: sendAttributes(operation, message, properties),
        links: made ? [{ context: made }] : [],
      },
      active,
    );
    this.spans.set(message, span);
    if (!made) carry(trace.setSpan(active, span), message);
    if (copyOf)
      message.addHeader(TRACE_HEADER, tableOf({ first: this.first(copyOf, active), via: span.spanContext() }));
  };

  readonly end = (message: PublishTrace): void => {
    const span = this.spans.get(message);
    if (span) endSpan(span, message.error);
  };

  private first({ kind, delivery }: CopyOf, active: Context): SpanContext | undefined {
    const known = wayIn(headersOf(delivery)).first ?? this.firstAttempt(delivery);
    // The handler's own span is active where its message is retried or parked; in a redrive it is somebody else's.
    return known ?? (kind === 'redrive' ? undefined : trace.getSpanContext(active));
  }
}
