import type { Random } from '../../environment/index.js';
import type { Message } from '../queue/message.js';

/**
 * The name from which a client consumes replies and which it sets as reply-to
 * (https://www.rabbitmq.com/docs/direct-reply-to).
 */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

/** A channel with pending requests. Replies go directly to the channel, through no queue. */
export interface ReplyTarget {
  reply(message: Message): void;
}

/** The reply addresses of channels, which are valid while the channels consume. */
export class ReplyTargets {
  private readonly byAddress = new Map<string, ReplyTarget>();

  constructor(private readonly random: Random) {}

  /** Returns its address. */
  add(target: ReplyTarget): string {
    const address = `${REPLY_TO}.${this.random.bytes(16).toString('base64url')}`;
    this.byAddress.set(address, target);
    return address;
  }

  remove(address: string): void {
    this.byAddress.delete(address);
  }

  get(address: string): ReplyTarget | undefined {
    return this.byAddress.get(address);
  }
}

/** Returns true for a name that is no queue. */
export function isReplyAddress(name: string): boolean {
  return name === REPLY_TO || name.startsWith(`${REPLY_TO}.`);
}
