import { setTimeout as delay } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcp-proxy.js';

/** Cuts connections at once, or after some more bytes in one direction and thus possibly within a frame. */
export async function cut(proxy: TcpProxy, random: () => number): Promise<void> {
  const kind = random();
  if (kind < 0.4) return proxy.cut();
  const direction = kind < 0.7 ? 'toServer' : 'toClient';
  const done = proxy.cutAfterBytes(Math.floor(random() * 20_000), direction);
  // No more bytes may come: the connections are then cut after a second.
  await Promise.race([done, delay(1_000, undefined, { ref: false }).then(() => proxy.cut())]);
}
