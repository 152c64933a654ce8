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
  /** Looks for an exchange. @throws NotFoundError when it is missing; whatever else keeps it from looking */
  findExchange(exchange: string): Promise<void>;
  /** Opens the channel anew after `delay` ms, since it may be refused what another is not. False: it does not. */
  renewIn(delay: number): boolean;
}

/** The end of a channel's generation, with the errors that its publishes reject with. */
export interface Ending {
  /** The error of a publish that the broker may have: its outcome is unknown. */
  readonly unknown: AmqpError;
  /** The broker has closed this channel. */
  readonly refusal?:
    | undefined
    | {
        readonly error: ConnectionError | ChannelError;
        /** The error of a publish that the broker certainly does not have, where it is not sent again. */
        readonly notThere: AmqpError;
        /** The delivery tag from which on publishes stand behind the call that is to blame. */
        readonly behindCall: number | undefined;
      };
  /** The channel comes back. */
  readonly goesOn: boolean;
}
