import type { Buffer } from 'node:buffer';

/** Returns the body as `Transport.RMQ` passes it to deserializers: the parsed JSON, or the text if it is not JSON. */
export function parseBody(body: Buffer): unknown {
  const text = body.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * Returns a pattern as text. Patterns come from clients: a pattern that is nested too deeply has no text and is treated
 * as a pattern without a handler.
 */
export function patternText(pattern: unknown): string | undefined {
  if (typeof pattern === 'string') return pattern;
  try {
    return JSON.stringify(pattern);
  } catch {
    return undefined;
  }
}
