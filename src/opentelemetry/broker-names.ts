import { DIRECT_REPLY_TO } from '../rpc/direct-reply-to.js';

/** Returns true for the name of a queue that the broker has chosen. */
export function isServerNamed(queue: string): boolean {
  return queue.startsWith('amq.gen-');
}

/** Returns true for the pseudo-queue of direct replies, and for the address of one reply. */
export function isDirectReply(queue: string): boolean {
  return queue.startsWith(DIRECT_REPLY_TO);
}
