import { systemClock, systemRandom, type Clock, type Random } from '../environment/index.js';
import { FRAME_MIN_SIZE } from '../protocol/spec.js';
import {
  CLOCK,
  FUNCTION,
  OBJECT,
  TEXT,
  count,
  withMethods,
  wrongOption,
  type OptionChecks,
  type ValueCheck,
} from '../option-names/index.js';

/** The answer to a login: whether it is accepted, and for how long. */
export type LoginVerdict =
  | boolean
  | {
      /** Time in ms since 1970 at which the broker closes the connection (403), unless the client has renewed the secret. */
      readonly expiresAt: number;
    };

/**
 * Decides about each login, and about each new secret (connection.update-secret) of a user who has logged in. An error
 * that it throws refuses the login.
 */
export type CheckLogin = (user: string, password: string) => LoginVerdict;

export interface BrokerOptions {
  /** TCP port; 0 for a free port. Default 0. */
  readonly port?: number;
  /** Address to listen on. Default 127.0.0.1: other machines cannot connect. */
  readonly host?: string;
  /**
   * Users and their passwords, or a function that decides about each login, for passwords that expire. Default
   * `{ guest: 'guest' }`.
   *
   * @example
   * ```ts
   * const broker = await EmbeddedBroker.start({ users: (user, token) => ({ expiresAt: expiryOf(token) }) });
   * ```
   */
  readonly users?: Readonly<Record<string, string>> | CheckLogin;
  /** Virtual hosts. Default `['/']`. */
  readonly vhosts?: readonly string[];
  /** Largest frame that the broker proposes and accepts, in bytes. Default 131,072. */
  readonly frameMax?: number;
  /** Maximum number of channels of a connection. Default 2,047. */
  readonly channelMax?: number;
  /** Heartbeat interval that the broker proposes, in seconds; 0 for none. Default 60. */
  readonly heartbeat?: number;
  /** Maximum size of a message in bytes; larger ones are refused (406). Default 134,217,728. */
  readonly maxMessageSize?: number;
  /**
   * Bytes of all ready and unacknowledged messages beyond which publishers are blocked, as by RabbitMQ's memory alarm.
   * Default 1,073,741,824.
   */
  readonly memoryLimit?: number;
  /** Maximum number of journal entries; 0 for none. Default 10,000. */
  readonly journalSize?: number;
  /** Maximum bytes of the messages and arguments in these entries; older entries are dropped. Default 67,108,864. */
  readonly journalBytes?: number;
  /** Called with a line for each connection that is opened, refused, failed or closed. Its errors are ignored. Default: silent. */
  readonly log?: (line: string) => void;
  /** For tests: the clock of the broker. Default: the system's clock. */
  readonly clock?: Clock;
  /** For tests: the randomness of generated names. Default: the system's randomness. */
  readonly random?: Random;
}

export type ResolvedBrokerOptions = Required<BrokerOptions>;

const BYTES = count({ min: 0 });

const USERS: ValueCheck = {
  fits: (value) =>
    typeof value === 'function' || (OBJECT.fits(value) && Object.values(value as object).every(TEXT.fits)),
  expected: 'an object of names with their passwords, or a function (user, password) => verdict',
};

const VHOSTS: ValueCheck = {
  fits: (value) => Array.isArray(value) && value.every(TEXT.fits),
  expected: 'a list of names',
};

/** The checks of the options: the numbers have the sizes that connection.tune has for them (section 1.4.2.5). */
const CHECKS = {
  port: count({ min: 0, max: 0xffff }),
  host: TEXT,
  users: USERS,
  vhosts: VHOSTS,
  frameMax: count({ min: FRAME_MIN_SIZE, max: 0xffff_ffff }),
  channelMax: count({ min: 1, max: 0xffff }),
  heartbeat: count({ min: 0, max: 0xffff }),
  maxMessageSize: BYTES,
  memoryLimit: BYTES,
  journalSize: BYTES,
  journalBytes: BYTES,
  log: FUNCTION,
  clock: CLOCK,
  random: withMethods('an object', 'next', 'bytes'),
} satisfies OptionChecks<BrokerOptions>;

/** @throws RangeError that names the option */
export function resolveBrokerOptions(options: BrokerOptions): ResolvedBrokerOptions {
  const wrong = wrongOption('EmbeddedBroker', options, CHECKS, 'EmbeddedBroker: ');
  if (wrong !== undefined) throw new RangeError(wrong);
  return {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    users: options.users ?? { guest: 'guest' },
    vhosts: options.vhosts ?? ['/'],
    frameMax: options.frameMax ?? 131_072,
    channelMax: options.channelMax ?? 2_047,
    heartbeat: options.heartbeat ?? 60,
    maxMessageSize: options.maxMessageSize ?? 128 * 1024 * 1024,
    memoryLimit: options.memoryLimit ?? 1024 * 1024 * 1024,
    journalSize: options.journalSize ?? 10_000,
    journalBytes: options.journalBytes ?? 64 * 1024 * 1024,
    log: harmless(options.log ?? (() => {})),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

/** Wraps a log function so that its errors and rejections are ignored: a missing line is no reason to stop a connection. */
function harmless(log: (line: string) => unknown): (line: string) => void {
  return (line) => {
    try {
      const logged = log(line);
      if (logged instanceof Promise) logged.catch(() => {});
    } catch {
      // Ignored, as above.
    }
  };
}
