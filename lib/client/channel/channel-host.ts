import type { ChannelEndpoint } from './channel-endpoint.js';
import type { Link } from '../link/link.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import type { TopologyRecord } from './topology-record.js';

/** What a channel needs of its connection. */
export interface ChannelHost {
  readonly options: ResolvedOptions;
  readonly topology: TopologyRecord;
  /** The live link; none while the connection is lost. */
  readonly link: Link | undefined;
  /** The broker's reason, while it has blocked the connection. */
  readonly blocked: string | undefined;
  /** A lost channel may come back: the connection is open, or will be. */
  readonly restoring: boolean;
  /** Brings one channel back after an error of its own. */
  restore(channel: ChannelEndpoint): void;
  /** Makes sure that a queue is there, declared again if it was declared here. @throws ChannelError */
  restoreQueue(queue: string): Promise<void>;
  /** The channel is closed for good; its number is free. */
  release(channel: ChannelEndpoint): void;
}
