import type { MessageSerializer } from './message-serializer.js';

/**
 * Handles the content types that no other serializer accepts, and delivers their bytes unchanged: an unknown type is
 * treated as `application/octet-stream` (RFC 2046, section 4.5.1), and so is a message without a content type. Outgoing
 * bytes never reach a serializer, so this one cannot write anything.
 */
export const bytesSerializer: MessageSerializer = {
  accepts: () => true,

  serialize(payload, { mediaType }) {
    throw new TypeError(
      `no serializer accepts '${mediaType}', and the payload is ${typeof payload}: add a serializer to the module, or send bytes`,
    );
  },

  deserialize: (body) => body,
};
