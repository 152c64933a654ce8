import { Buffer } from 'node:buffer';

/** The body of a case's deliveries. @param {{ text?: string, size?: number }} delivery a text, or so many bytes */
export function bodyOf({ text, size }) {
  return text === undefined ? Buffer.alloc(size, 'x') : Buffer.from(text);
}
