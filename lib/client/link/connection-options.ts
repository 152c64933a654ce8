import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { FRAME_MIN_SIZE } from '../../protocol/spec.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { systemClock, systemRandom, type Clock, type Random } from '../../environment/index.js';
import { namesOf } from '../../option-names/index.js';
import { atLeast, checkCount, checkDuration, inRange, refuseUnknown } from '../option-checks.js';
import { harmless, type ClientLogger } from './client-logger.js';
import type { Credentials, SaslMechanism } from './sasl.js';
import type { Endpoint } from './uri.js';

/** One URI, several (tried in random order), or a function that finds them before each round of attempts. */
export type Urls =
  string | readonly string[] | (() => string | readonly string[] | Promise<string | readonly string[]>);

export interface ReconnectOptions {
  /** Wait before the first attempt, at most; ms. Default 100. */
  readonly initialDelay?: number;
  /**
   * The wait doubles up to this where a broker answers and it is no good (a refused login, a loss within 2 s of the
   * handshake), and up to 1,500 where none answers; each is drawn at random between nothing and that ("full jitter"); ms.
   * Default 30,000.
   */
  readonly maxDelay?: number;
  /**
   * Rounds over all hosts until the connection gives up and closes; one that is lost within 2 s of its handshake counts as
   * failed. Default: no end.
   */
  readonly attempts?: number;
}

export interface HeartbeatOptions {
  /** Seconds; the smaller of this and the broker's non-zero one counts, 0 disables. */
  readonly interval: number;
  /** `manual`: nothing is sent or checked until `heartbeatTick()` is called. */
  readonly mode: 'auto' | 'manual';
}

export interface ConnectionOptions {
  /** Brokers. Default `amqp://guest:guest@localhost:5672`. */
  readonly urls?: Urls;
  /** Shown by RabbitMQ's management page and log. */
  readonly connectionName?: string;
  /** Login, where the URI has none. */
  readonly credentials?: Credentials;
  /** Ways to log in, in order of preference. Default PLAIN, then AMQPLAIN, with the credentials. */
  readonly mechanisms?: readonly SaslMechanism[];
  /** Virtual host, over the URI's. */
  readonly vhost?: string;
  /** TLS for `amqps:` URIs. Certificates and host names are verified unless these say otherwise. */
  readonly tls?: TlsOptions;
  /** Makes the (connected, for TLS secured) socket in place of net and tls. */
  readonly createSocket?: (endpoint: Endpoint, signal: AbortSignal) => Promise<Socket | Duplex>;
  /** One deadline over DNS, TCP, TLS and handshake, per host; ms, Infinity for none. Default 10,000. */
  readonly connectTimeout?: number;
  /** Ends `connect()` with the signal's reason; without effect once it is open. */
  readonly signal?: AbortSignal;
  /**
   * Interval in seconds; the smaller of this and the broker's non-zero one counts, 0 disables. Default 20.
   * With `mode: 'manual'` nothing is sent or checked until `heartbeatTick()` is called.
   */
  readonly heartbeat?: number | HeartbeatOptions;
  /** Largest frame in bytes; the smaller of this and the broker's counts. Default 131,072. */
  readonly frameMax?: number;
  /** Most channels; the smaller of this and the broker's counts. Default 2,047. */
  readonly channelMax?: number;
  /**
   * Deadline of a synchronous method, ms, Infinity for none. It begins anew with each answer on the same channel, so it need
   * not cover many declarations that are sent at once. Default 30,000.
   */
  readonly rpcTimeout?: number;
  /** Reconnect and restore after a loss. Default on; `false` closes instead. */
  readonly reconnect?: false | ReconnectOptions;
  /**
   * Rounds over all hosts until a connection of `createConnection()` that was never open gives up and closes; Infinity for no
   * end. Default: `reconnect.attempts`, or 1 with `reconnect: false`.
   */
  readonly connectAttempts?: number;
  /** Larger messages are not buffered but rejected, without requeue. Bytes. Default 134,217,728 (RabbitMQ's own limit). */
  readonly maxMessageSize?: number;
  /**
   * Bytes of deliveries that may be held here before the socket is not read any more: those that wait for a handler or an
   * iterator, and those whose handler runs, of a consumer that neither acknowledgements nor a prefetch bound. While
   * somebody waits for the broker (a call, a confirm) it is read on slowly, a sixteenth of this each 100 ms, so that the
   * answer comes. Default 67,108,864; Infinity for no limit.
   */
  readonly maxHeldBytes?: number;
  /** Bytes that may wait for the socket before publishes wait. Default 4,194,304. */
  readonly writeBufferSize?: number;
  /** Added to the client properties that the broker shows. */
  readonly clientProperties?: FieldTable;
  /** Default: silent. */
  readonly logger?: ClientLogger;
  /** For tests: time. Default: the machine's. */
  readonly clock?: Clock;
  /** For tests: chance, which decides the order of the brokers and the waits between attempts. Default: the machine's. */
  readonly random?: Random;
}

/** The options with every default filled in. */
export interface ResolvedOptions {
  readonly urls: Urls;
  readonly connectionName: string | undefined;
  readonly credentials: Credentials | undefined;
  /** The password since `updateSecret()`: the one that was given has expired. */
  readonly renewed: { password?: string };
  readonly mechanisms: readonly SaslMechanism[] | undefined;
  readonly vhost: string | undefined;
  readonly tls: TlsOptions;
  readonly createSocket: ConnectionOptions['createSocket'];
  readonly connectTimeout: number | undefined;
  readonly heartbeat: number | undefined;
  readonly manualHeartbeat: boolean;
  readonly frameMax: number | undefined;
  readonly channelMax: number | undefined;
  readonly rpcTimeout: number;
  readonly reconnect: Required<ReconnectOptions> | false;
  readonly connectAttempts: number;
  readonly maxMessageSize: number;
  readonly maxHeldBytes: number;
  readonly writeBufferSize: number;
  readonly clientProperties: FieldTable;
  readonly logger: ClientLogger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Seconds: tune-ok has two octets for it. */
const LONGEST_HEARTBEAT = 0xffff;

/** Waits between attempts, in ms, where the options say nothing. */
export const reconnectDefaults = { initialDelay: 100, maxDelay: 30_000 } as const;

const silent: ClientLogger = { warn() {} };

/** @throws ConfigurationError that names the option */
export function resolveOptions(options: ConnectionOptions): ResolvedOptions {
  const { heartbeat, reconnect } = options;
  return checked(options, {
    urls: options.urls ?? 'amqp://localhost',
    connectionName: options.connectionName,
    credentials: options.credentials,
    renewed: {},
    mechanisms: options.mechanisms,
    vhost: options.vhost,
    tls: options.tls ?? {},
    createSocket: options.createSocket,
    connectTimeout: options.connectTimeout,
    heartbeat: typeof heartbeat === 'object' ? heartbeat.interval : heartbeat,
    manualHeartbeat: typeof heartbeat === 'object' && heartbeat.mode === 'manual',
    frameMax: options.frameMax,
    channelMax: options.channelMax,
    rpcTimeout: options.rpcTimeout ?? 30_000,
    reconnect:
      reconnect === false
        ? false
        : {
            initialDelay: reconnect?.initialDelay ?? reconnectDefaults.initialDelay,
            maxDelay: reconnect?.maxDelay ?? reconnectDefaults.maxDelay,
            attempts: reconnect?.attempts ?? Infinity,
          },
    connectAttempts: options.connectAttempts ?? (reconnect === false ? 1 : (reconnect?.attempts ?? Infinity)),
    maxMessageSize: options.maxMessageSize ?? 128 * 1024 * 1024,
    maxHeldBytes: options.maxHeldBytes ?? 64 * 1024 * 1024,
    writeBufferSize: options.writeBufferSize ?? 4 * 1024 * 1024,
    clientProperties: options.clientProperties ?? {},
    logger: harmless(options.logger ?? silent),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  });
}

const CONNECTION = namesOf({
  urls: 0,
  connectionName: 0,
  credentials: 0,
  mechanisms: 0,
  vhost: 0,
  tls: 0,
  createSocket: 0,
  connectTimeout: 0,
  signal: 0,
  heartbeat: 0,
  frameMax: 0,
  channelMax: 0,
  rpcTimeout: 0,
  reconnect: 0,
  connectAttempts: 0,
  maxMessageSize: 0,
  maxHeldBytes: 0,
  writeBufferSize: 0,
  clientProperties: 0,
  logger: 0,
  clock: 0,
  random: 0,
} satisfies Record<keyof ConnectionOptions, 0>);
const RECONNECT = namesOf({ initialDelay: 0, maxDelay: 0, attempts: 0 } satisfies Record<keyof ReconnectOptions, 0>);
const HEARTBEAT = namesOf({ interval: 0, mode: 0 } satisfies Record<keyof HeartbeatOptions, 0>);

function checked(given: ConnectionOptions, resolved: ResolvedOptions): ResolvedOptions {
  if (given.reconnect) {
    refuseUnknown('reconnect', given.reconnect, RECONNECT);
    inRange('reconnect.initialDelay', given.reconnect.initialDelay, 0, Number.MAX_SAFE_INTEGER);
    checkDuration('reconnect.maxDelay', given.reconnect.maxDelay);
    checkCount('reconnect.attempts', given.reconnect.attempts, { min: 1, unlimited: true });
  }
  checkCount('connectAttempts', given.connectAttempts, { min: 1, unlimited: true });
  if (typeof given.heartbeat === 'object') refuseUnknown('heartbeat', given.heartbeat, HEARTBEAT);
  refuseUnknown('connect', given, CONNECTION);
  inRange('heartbeat', resolved.heartbeat, 0, LONGEST_HEARTBEAT);
  atLeast('connectTimeout', resolved.connectTimeout, 1);
  checkCount('frameMax', resolved.frameMax, { min: FRAME_MIN_SIZE, max: 0xffff_ffff });
  checkCount('channelMax', resolved.channelMax, { min: 1, max: 0xffff });
  atLeast('rpcTimeout', resolved.rpcTimeout, 1);
  checkCount('maxMessageSize', resolved.maxMessageSize, { min: 0, unlimited: true });
  checkCount('maxHeldBytes', resolved.maxHeldBytes, { min: 1, unlimited: true });
  checkCount('writeBufferSize', resolved.writeBufferSize, { min: 1, unlimited: true });
  return resolved;
}
