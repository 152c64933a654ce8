import { Buffer } from 'node:buffer';

/** Returns the body of a case's deliveries. @param {{ text?: string, size?: number }} delivery a text, or a size in bytes */
export function bodyOf({ text, size }) {
  return text === undefined ? Buffer.alloc(size, 'x') : Buffer.from(text);
}
