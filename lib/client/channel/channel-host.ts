import type { Method } from '../../protocol/types.js';
import type { AmqpError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { CallOptions } from '../link/pending-calls.js';
import type { ResolvedOptions } from '../link/connection-options.js';
import type { TopologyRecord } from './topology-record.js';

/** The part of a channel that `restore()` uses. */
export interface Restorable {
  /** True if the channel is not open at the broker and may be opened anew. */
  readonly lost: boolean;
  readonly channelOptions: { readonly restoreAttempts: number };
  /** The consumers that are restored with the channel. */
  readonly consumers: { list(): readonly { readonly queue: string }[] };
  /** The channel number, while the channel is not open at the broker and not closed for good. */
  readonly idleId: number | undefined;
  /** Has the broker close the channel, if it is still open there. */
  vacate(): Promise<void>;
  /** Opens the channel anew, with its QoS and confirm mode. */
  attach(wait?: CallOptions): Promise<void>;
  /** Registers the consumers again. */
  resume(): Promise<void>;
  /** Closes the channel for good. */
  finish(error: AmqpError | undefined): void;
}

/** A channel that has ended here, while the broker may still have it open. */
export interface Leaving {
  /** 0 if the channel never had a number. */
  readonly id: number;
  readonly atBroker: 'open' | 'closing' | 'closed';
  /** The answer to a pending call. */
  onLateReply(method: Method): void;
  /** The broker has closed it, or the connection is lost. */
  onLeft(): void;
}

/** The part of a connection that its channels use. */
export interface ChannelHost {
  readonly options: ResolvedOptions;
  readonly topology: TopologyRecord;
  /** The live link; undefined while the connection is lost. */
  readonly link: Link | undefined;
  /** The broker's reason, while it has blocked the connection. */
  readonly blocked: string | undefined;
  /** The error because of which the connection is not open: of its loss, or of the last attempt to connect. */
  readonly trouble: AmqpError | undefined;
  /** True if a lost channel may come back: the connection is open or will be. */
  readonly restoring: boolean;
  /** Restores one channel after an error of that channel. */
  restore(channel: Restorable): void;
  /**
   * Ensures that a queue exists: a recorded queue is declared again. @returns the number of its consumers @throws
   * ChannelError
   */
  restoreQueue(queue: string): Promise<number>;
  /**
   * Checks that an exchange exists. @throws NotFoundError if it is missing, or another error that prevents the check
   */
  findExchange(exchange: string): Promise<void>;
  /**
   * Has the broker close a channel that is opened anew under the same number. Frames for the old channel are dropped
   * until it is `left`.
   */
  leave(channel: Leaving, left: () => void): void;
  /**
   * Returns a number for a channel that opens for the first time. @throws NotAllowedError if channel-max numbers are in
   * use
   */
  allocateId(): number;
  /**
   * Resolves when a channel that has ended here, and had this number on loan, is closed at the broker. Undefined if there
   * is none.
   */
  farewellOf(id: number): Promise<void> | undefined;
  /** Called when the channel is closed for good and its number is free. */
  release(channel: Leaving): void;
}
