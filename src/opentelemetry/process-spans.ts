import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import type { Delivery, ProcessTrace, SettleMessage } from '../../lib/client/index.js';
import { ERROR_TYPE, LINK, messageAttributes, patternAttribute, processAttributes, spanName } from './attributes.js';
import { contextIn, headersOf, spanIn, wayIn } from './carrier.js';
import { endSpan } from './spans.js';

/** The span of each handler call. */
export class ProcessSpans {
  private readonly spans = new WeakMap<ProcessTrace, Span>();
  /** Of messages that are handled one by one. */
  private readonly byDelivery = new WeakMap<object, Span>();
  private readonly firsts = new WeakMap<object, SpanContext>();

  /** @param tracer the present one */
  constructor(private readonly tracer: () => Tracer) {}

  /** The first attempt at a message that this process has handled before. */
  readonly firstAttempt = (delivery: object): SpanContext | undefined => this.firsts.get(delivery);

  readonly start = (message: ProcessTrace): void => {
    const { batch, queue, deliveries } = message;
    const [delivery] = deliveries;
    // A batch has no parent: its messages come from many places.
    const parent = batch || !delivery ? ROOT_CONTEXT : contextIn(headersOf(delivery));
    const links = batch ? deliveries.flatMap(batchLink) : delivery ? this.linksOf(delivery, spanIn(parent)) : [];
    const attributes = processAttributes(message);
    const options = { kind: SpanKind.CONSUMER, attributes, links };
    const span = this.tracer().startSpan(spanName('process', '', queue), options, parent);
    this.spans.set(message, span);
    if (!batch && delivery) {
      this.byDelivery.set(delivery, span);
      if (!this.firsts.has(delivery)) this.firsts.set(delivery, span.spanContext());
    }
    const inside = trace.setSpan(parent, span);
    message.runIn((work) => context.with(inside, work));
  };

  readonly end = (message: ProcessTrace): void => {
    const span = this.spans.get(message);
    if (!span) return;
    if (message.pattern !== undefined) span.setAttributes(patternAttribute(message.pattern));
    endSpan(span, message.error);
  };

  /** A handler that settles its message itself may refuse it without an error. */
  readonly settled = ({ delivery, outcome }: SettleMessage): void => {
    const span = this.byDelivery.get(delivery);
    if (outcome === 'ack' || !span?.isRecording()) return;
    span.setAttribute(ERROR_TYPE, outcome);
    span.setStatus({ code: SpanStatusCode.ERROR, message: `the message was settled with ${outcome}` });
  };

  private linksOf(delivery: Delivery, made: SpanContext | undefined): Link[] {
    const { first = this.firsts.get(delivery), via } = wayIn(headersOf(delivery));
    const links: Link[] = made ? [{ context: made }] : [];
    if (first) links.push({ context: first, attributes: { [LINK]: 'first_attempt' } });
    if (via) links.push({ context: via, attributes: { [LINK]: 'copy' } });
    return links;
  }
}

function batchLink(delivery: Delivery): Link[] {
  const made = spanIn(contextIn(headersOf(delivery)));
  return made ? [{ context: made, attributes: messageAttributes(delivery) }] : [];
}
