import { SpanStatusCode, type Span } from '@opentelemetry/api';
import { ERROR_TYPE } from './attributes.js';
import { errorWords } from './error-words.js';

/** Ends the span of an operation, with the error that it ended with, if any. */
export function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) failSpan(span, error);
  span.end();
}

function failSpan(span: Span, error: unknown): void {
  const { name, message } = errorWords(error);
  span.setAttribute(ERROR_TYPE, name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  if (error instanceof Error) span.recordException(error);
}
