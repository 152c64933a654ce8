import type { ReturnedMessage } from '../errors.js';

/** Creates a returned message whose body `console.log` and `JSON.stringify` do not show. */
export function returnedMessage({ body, ...visible }: ReturnedMessage): ReturnedMessage {
  return Object.defineProperty(visible, 'body', { value: body, writable: true, configurable: true }) as ReturnedMessage;
}
