import { Buffer } from 'node:buffer';
import type { MessageSerializer } from '../../../src/index.js';
import type { Scene } from './scene.js';

/** Returns a serializer of JSON that takes this time to decode, ms, as one that decompresses does. */
export function slowSerializer(scene: Scene, ms: number): MessageSerializer {
  return {
    accepts: ({ mediaType }) => mediaType === 'application/json',
    serialize: (payload) => Buffer.from(JSON.stringify(payload)),
    deserialize: async (body) => {
      await scene.sleep(ms);
      return JSON.parse(body.toString()) as unknown;
    },
  };
}
