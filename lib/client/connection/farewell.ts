import type { Buffer } from 'node:buffer';
import { ByteReader } from '../../protocol/bytes.js';
import { methodId, readMethod } from '../../protocol/methods.js';
import type { Leaving } from '../channel/channel-host.js';
import type { FrameReceiver, Link } from '../link/link.js';

const CLOSE = methodId('channel.close');
const CLOSE_OK = methodId('channel.closeOk');
/** Methods whose messages are requeued with the channel. */
const WITH_CONTENT: ReadonlySet<number> = new Set([
  methodId('basic.deliver'),
  methodId('basic.getOk'),
  methodId('basic.return'),
]);

/**
 * Ends a channel that the broker may still have open, since a deadline of `close()` passed or it was closed during its
 * restore. Later frames of the channel are dropped, except answers to its calls, so that the record equals the broker's
 * state.
 *
 * @param free called when its number may be used again
 */
export function sayFarewell(link: Link | undefined, leaving: Leaving, free: () => void): void {
  const { id, atBroker } = leaving;
  if (!link || atBroker === 'closed') {
    leaving.onLeft();
    return free();
  }
  link.register(id, new Farewell(link, leaving, free));
  if (atBroker === 'open') {
    link.send(id, 'channel.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 });
  }
}

/** Represents the channel until the broker has closed it. */
class Farewell implements FrameReceiver {
  readonly midContent = false;

  constructor(
    private readonly link: Link,
    private readonly leaving: Leaving,
    private readonly free: () => void,
  ) {}

  onMethod(buffer: Buffer, start: number, end: number): void {
    const method = end - start < 4 ? 0 : buffer.readUInt32BE(start);
    // Both sides have closed the channel, and each has to answer the other.
    if (method === CLOSE) this.link.send(this.leaving.id, 'channel.closeOk', {});
    else if (method === CLOSE_OK) this.onLinkGone();
    else if (!WITH_CONTENT.has(method)) this.leaving.onLateReply(readMethod(new ByteReader(buffer, start, end)));
  }

  onHeader(): void {}

  onBody(): void {}

  onLinkGone(): void {
    this.link.unregister(this.leaving.id);
    this.leaving.onLeft();
    this.free();
  }
}
