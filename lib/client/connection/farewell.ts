import type { Buffer } from 'node:buffer';
import { methodId } from '../../protocol/methods.js';
import type { Leaving } from '../channel/channel-host.js';
import type { FrameReceiver, Link } from '../link/link.js';

const CLOSE = methodId('channel.close');
const CLOSE_OK = methodId('channel.closeOk');

/**
 * Ends a channel that the broker may still have open: a deadline of `close()` passed, or it was closed on its way back.
 * What still comes for it is dropped.
 *
 * @param free called once its number may be used again
 */
export function sayFarewell(link: Link | undefined, { id, atBroker }: Leaving, free: () => void): void {
  if (!link || atBroker === 'closed') return free();
  link.register(id, new Farewell(link, id, free));
  if (atBroker === 'open') {
    link.send(id, 'channel.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 });
  }
}

/** Stands in for the channel until the broker has agreed to its end. */
class Farewell implements FrameReceiver {
  readonly midContent = false;

  constructor(
    private readonly link: Link,
    private readonly channel: number,
    private readonly free: () => void,
  ) {}

  onMethod(buffer: Buffer, start: number, end: number): void {
    const method = end - start < 4 ? 0 : buffer.readUInt32BE(start);
    // Both sides closed it: each still answers the other.
    if (method === CLOSE) this.link.send(this.channel, 'channel.closeOk', {});
    if (method === CLOSE_OK) this.onLinkGone();
  }

  onHeader(): void {}

  onBody(): void {}

  onLinkGone(): void {
    this.link.unregister(this.channel);
    this.free();
  }
}
