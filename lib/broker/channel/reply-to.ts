import type { Random } from '../../environment/index.js';
import type { Message } from '../queue/message.js';

/** The name that a client consumes from, and sets as reply-to (https://www.rabbitmq.com/docs/direct-reply-to). */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

/** A channel with requests under way. Replies go straight to the channel, through no queue. */
export interface ReplyTarget {
  reply(message: Message): void;
}

/** The addresses that stand in reply-to for a channel, for as long as it consumes. */
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

/** A name that stands for no queue. */
export function isReplyAddress(name: string): boolean {
  return name === REPLY_TO || name.startsWith(`${REPLY_TO}.`);
}
