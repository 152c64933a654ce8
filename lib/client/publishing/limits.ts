import { PublishRefusedError } from '../errors.js';
import type { Confirms } from './confirms.js';
import type { Obstacle } from './gate.js';
import type { PublishQueue } from './publish-queue.js';
import type { PublisherSettings } from './publisher-host.js';

/** Number of publishes that may wait for a round trip if `maxWaiting` is less. */
const MAX_SOON = 100_000;

/** A wait for confirms may skip this many times `maxUnconfirmed` tags before it holds new publishes back. */
const MAX_SPAN_FACTOR = 8;

/** The numbers and bytes of publishes that may be unconfirmed, and that may wait. */
export class Limits {
  /** @param refused refused publishes that are sent again */
  constructor(
    private readonly options: PublisherSettings,
    private readonly confirms: Confirms,
    private readonly refused: PublishQueue,
    private readonly waiting: PublishQueue,
  ) {}

  /** Returns the obstacle to a message of `size` bytes if too much is unconfirmed. */
  tooMuch(size: number): Obstacle | undefined {
    const { confirms, refused } = this;
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.options;
    // Refused publishes that are sent again are kept here, and count like unconfirmed ones.
    const [count, bytes] = [confirms.count + refused.count, confirms.bytes + refused.bytes];
    // A message that exceeds the limit alone is sent when there is no other.
    const heavy = bytes > 0 && bytes + size > maxUnconfirmedBytes;
    const full = heavy || count >= maxUnconfirmed || confirms.span >= maxUnconfirmed * MAX_SPAN_FACTOR;
    return full ? { kind: 'busy', reason: `${count} messages of ${bytes} bytes are unconfirmed` } : undefined;
  }

  /** @throws PublishRefusedError if a message of `size` bytes may not wait for the end of the obstacle */
  expectRoom(obstacle: Obstacle, size: number): void {
    const { whenUnavailable, maxWaiting, maxWaitingBytes } = this.options;
    if (whenUnavailable === 'fail' && obstacle.kind === 'unavailable') {
      throw new PublishRefusedError(`not published: ${obstacle.reason} (whenUnavailable is 'fail')`);
    }
    const most = obstacle.kind === 'soon' ? Math.max(maxWaiting, MAX_SOON) : maxWaiting;
    const { count, bytes } = this.waiting;
    if (count >= most || bytes + size > maxWaitingBytes) {
      throw new PublishRefusedError(
        `not published: ${count} publishes wait already (${obstacle.reason}); ` +
          'await publishes before you send more, or raise maxWaiting and maxWaitingBytes',
      );
    }
  }
}
