import { SpanStatusCode, type Span } from '@opentelemetry/api';
import { ERROR_TYPE } from './attributes.js';

/** Ends the span of an operation, with the error that it ended with, if any. */
export function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) failSpan(span, error);
  span.end();
}

function failSpan(span: Span, error: unknown): void {
  const { name, message } = wordsOf(error);
  span.setAttribute(ERROR_TYPE, name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  if (error instanceof Error) span.recordException(error);
}

/** Whatever was thrown: a value may throw when it is looked at. */
function wordsOf(error: unknown): { readonly name: string; readonly message: string } {
  try {
    if (error instanceof Error) return { name: error.name || '_OTHER', message: error.message };
  } catch {
    // Nothing can be said about it.
  }
  return { name: '_OTHER', message: '' };
}
