import type { Clock, Random } from '../../environment/index.js';
import type { AmqpError, ChannelError, ConnectionError } from '../errors.js';

export interface PublisherSettings {
  readonly publishTimeout: number;
  readonly maxUnconfirmed: number;
  readonly maxUnconfirmedBytes: number;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly whenUnavailable: 'wait' | 'fail';
  readonly republishUnconfirmed: boolean;
  readonly findExchanges: boolean;
}

/** The work that a publisher hands to its channel. */
export interface PublisherHost {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Checks that an exchange exists. @throws NotFoundError if it is missing, or another error that prevents the check
   */
  findExchange(exchange: string): Promise<void>;
  /**
   * Opens the channel anew after `delay` ms, since the broker may accept on a new channel what it refuses on this one.
   * Returns false if the channel does not open anew.
   */
  renewIn(delay: number): boolean;
}

/** The end of a channel's generation, with the errors that its publishes reject with. */
export interface Ending {
  /** The error of a publish that the broker may have: its outcome is unknown. */
  readonly unknown: AmqpError;
  /** True if the broker has closed this channel. */
  readonly refusal?:
    | undefined
    | {
        readonly error: ConnectionError | ChannelError;
        /** The error of a publish that the broker certainly does not have and that is not sent again. */
        readonly notThere: AmqpError;
        /** The delivery tag of the first publish after the call that caused the error. */
        readonly behindCall: number | undefined;
      };
  /** True if the channel is restored. */
  readonly goesOn: boolean;
}
