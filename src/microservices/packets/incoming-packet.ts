import type { Buffer } from 'node:buffer';

/** The body as `Transport.RMQ` hands it to deserializers: what its JSON says, or its text where it is none. */
export function parseBody(body: Buffer): unknown {
  const text = body.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * A pattern as text. It came from elsewhere: one that is nested without end has no text, and is like one that nobody
 * handles.
 */
export function patternText(pattern: unknown): string | undefined {
  if (typeof pattern === 'string') return pattern;
  try {
    return JSON.stringify(pattern);
  } catch {
    return undefined;
  }
}
