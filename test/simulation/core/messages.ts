import type { MessageProperties } from '../../../lib/client/index.js';
import type { PublishSettings } from './steps.js';

/** Returns the body of a message: its id, then bytes that depend on the id. */
export function bodyOf(id: number, size: number, withId: boolean): Buffer {
  const text = `m${id}.`;
  const body = Buffer.alloc(withId ? size : Math.max(size, text.length), 33 + (id % 90));
  if (body.length >= text.length) body.write(text, 'latin1');
  return body;
}

export function propertiesOf(id: number, what: PublishSettings): MessageProperties {
  return {
    ...(what.noId && !what.twins ? {} : what.twins ? {} : { messageId: `m${id}` }),
    ...(what.transient ? {} : { deliveryMode: 2 }),
    ...(id % 3 === 0 ? { contentType: 'text/plain' } : {}),
    headers: { n: id, ...(what.header ? { pad: 'h'.repeat(what.header) } : {}) },
  };
}

/** Returns the id of a message that has come, and its fault, if there is one. */
export function matches(body: Buffer, properties: MessageProperties): { readonly id: number; readonly wrong?: string } {
  const id = Number(properties.headers?.['n'] ?? -1);
  const text = `m${id}.`;
  if (body.length >= text.length && body.toString('latin1', 0, text.length) !== text) {
    return { id, wrong: `its headers say ${id}, its body begins with '${body.toString('latin1', 0, 8)}'` };
  }
  const filler = 33 + (id % 90);
  for (let at = Math.min(text.length, body.length); at < body.length; at++) {
    if (body[at] !== filler) return { id, wrong: `byte ${at} of its body is ${body[at]}, not ${filler}` };
  }
  if (properties.messageId !== undefined && properties.messageId !== `m${id}`) {
    return { id, wrong: `its message id is '${properties.messageId}'` };
  }
  return { id };
}
