import { Buffer } from 'node:buffer';
import {
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Context,
  type SpanContext,
  type TextMapGetter,
  type TextMapSetter,
} from '@opentelemetry/api';
import { TRACE_HEADER } from '../common/trace-header.js';

type Headers = Readonly<Record<string, unknown>>;

const NONE: Headers = {};

const getter: TextMapGetter<Headers> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => textOf(headers[name] ?? inAnyCase(headers, name)),
};

/** Returns the header whose name differs in case only: Brave writes `X-B3-TraceId`. */
function inAnyCase(headers: Headers, name: string): unknown {
  const sought = name.toLowerCase();
  const found = Object.keys(headers).find((key) => key.length === sought.length && key.toLowerCase() === sought);
  return found === undefined ? undefined : headers[found];
}

/** Some clients write the text of a header as a byte array. */
function textOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

/** A message that may get headers. */
interface Carrying {
  addHeader(name: string, value: string): void;
}

const setter: TextMapSetter<Carrying> = {
  set: (message, name, value) => message.addHeader(name, value),
};

/** The headers of a message that was consumed; none where they are malformed. */
export function headersOf(delivery: { readonly properties: { readonly headers?: object | undefined } }): Headers {
  try {
    return asHeaders(delivery.properties.headers);
  } catch {
    return NONE;
  }
}

/** The context that the publisher has put into the headers: its span, and its baggage. */
export function contextIn(headers: object | undefined): Context {
  if (headers === undefined) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, asHeaders(headers), getter);
}

/** The span that the context belongs to, if any. */
export function spanIn(context: Context): SpanContext | undefined {
  const span = trace.getSpanContext(context);
  return span && isSpanContextValid(span) ? span : undefined;
}

/** Has a message carry the context. */
export function carry(context: Context, message: Carrying): void {
  propagation.inject(context, message, setter);
}

/** The way of a message that was published several times. */
export interface Way {
  /** Its first attempt. */
  readonly first: SpanContext | undefined;
  /** The publish of the copy: of a retry, of a redrive. */
  readonly via: SpanContext | undefined;
}

export function wayIn(headers: Headers): Way {
  const table = asHeaders(headers[TRACE_HEADER]);
  const at = (name: keyof Way): SpanContext | undefined => spanIn(contextIn(asHeaders(table[name])));
  return { first: at('first'), via: at('via') };
}

/** The value of {@link TRACE_HEADER}, in the words of the configured propagator. */
export function tableOf({ first, via }: Way): Record<string, Record<string, string>> {
  const table: Record<string, Record<string, string>> = {};
  if (first) table['first'] = injected(first);
  if (via) table['via'] = injected(via);
  return table;
}

function injected(span: SpanContext): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(trace.setSpanContext(ROOT_CONTEXT, span), carrier);
  return carrier;
}

function asHeaders(value: unknown): Headers {
  return typeof value === 'object' && value !== null ? (value as Headers) : NONE;
}
