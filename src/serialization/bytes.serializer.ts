import type { MessageSerializer } from './message-serializer.js';

/**
 * Whatever nobody else accepts is taken as it is: an unknown type is to be treated as `application/octet-stream`
 * (RFC 2046, section 4.5.1), and so is a message that names no type. Bytes never get here on their way out, so what
 * does cannot be written.
 */
export const bytesSerializer: MessageSerializer = {
  accepts: () => true,

  serialize(payload, { mediaType }) {
    throw new TypeError(
      `no serializer writes '${mediaType}' from ${typeof payload}: add one to the module's serializers, or send bytes`,
    );
  },

  deserialize: (body) => body,
};
