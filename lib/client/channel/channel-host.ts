import type { Method } from '../../protocol/types.js';
import type { AmqpError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { CallOptions } from '../link/pending-calls.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import type { TopologyRecord } from './topology-record.js';

/** A channel, as whoever restores it sees it: see `restore()`. */
export interface Restorable {
  /** The broker does not have it open, and it may come back. */
  readonly lost: boolean;
  readonly channelOptions: { readonly restoreAttempts: number };
  /** The consumers that come back with it. */
  readonly consumers: { list(): readonly { readonly queue: string }[] };
  /** Opens it anew, with its QoS and confirm mode. */
  attach(wait?: CallOptions): Promise<void>;
  /** Consumes again. */
  resume(): Promise<void>;
  /** Closes it for good. */
  finish(error: AmqpError | undefined): void;
}

/** A channel that has ended here, while the broker may still have it open. */
export interface Leaving {
  /** 0 when it never had a number. */
  readonly id: number;
  readonly atBroker: 'open' | 'closing' | 'closed';
  /** The answer to a call that was under way. */
  onLateReply(method: Method): void;
  /** The broker has closed it, or the connection is lost. */
  onLeft(): void;
}

/** The part of a connection that its channels use. */
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
  restore(channel: Restorable): void;
  /** Makes sure that a queue is there, declared again if it was declared here. @returns its consumers @throws ChannelError */
  restoreQueue(queue: string): Promise<number>;
  /** Looks for an exchange. @throws NotFoundError when it is missing; whatever else keeps it from looking */
  findExchange(exchange: string): Promise<void>;
  /** Has the broker close a channel that is opened anew under its number. What comes before it is `left` is dropped. */
  leave(channel: Leaving, left: () => void): void;
  /** A number for a channel that opens for the first time. @throws NotAllowedError when channel-max are in use */
  allocateId(): number;
  /** The channel is closed for good; its number is free. */
  release(channel: Leaving): void;
}
