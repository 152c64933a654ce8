import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { ConfigurationError } from '../errors.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { systemClock, systemRandom, type Clock, type Random } from '../../environment/index.js';
import {
  CLOCK,
  CHECKED_ELSEWHERE,
  DURATION,
  FUNCTION,
  OBJECT,
  SIGNAL,
  TEXT,
  count,
  numberFrom,
  numberIn,
  oneOf,
  unknownOption,
  withMethods,
  type OptionChecks,
  type ValueCheck,
} from '../../option-names/index.js';
import { checkOptions } from '../option-checks.js';
import { checkClientProperties } from './client-properties.js';
import { harmless, type ClientLogger } from './client-logger.js';
import {
  checkCredentials,
  type Credentials,
  type CredentialsProvider,
  type ProvidedCredentials,
} from './credentials.js';
import type { SaslMechanism } from './sasl.js';
import { UpdatedSecret } from './updated-secret.js';
import type { Endpoint } from './uri.js';
import { TLS_OPTIONS } from './tls-options.js';
import { TUNING_CHECKS } from './tuning.js';

/** One URI, several URIs (tried in random order), or a function that returns them before each round of attempts. */
export type Urls =
  string | readonly string[] | (() => string | readonly string[] | Promise<string | readonly string[]>);

/** The waits between attempts to reconnect, and their number. */
export interface ReconnectOptions {
  /** Maximum wait before the first attempt, ms. Default 100. */
  readonly initialDelay?: number;
  /**
   * Maximum wait between attempts, ms. The wait doubles up to this value if a broker answers without success (a refused
   * login, a loss within 2 s of the handshake), and up to 1,500 ms if no broker answers. Each wait is drawn at random
   * between 0 and the limit ("full jitter"). Default 30,000.
   */
  readonly maxDelay?: number;
  /**
   * Number of rounds over all hosts, after which the connection gives up and closes. A connection that is lost within 2
   * s of its handshake counts as a failed round. Default: no limit.
   */
  readonly attempts?: number;
}

/** Heartbeats (section 4.2.7, https://www.rabbitmq.com/docs/heartbeats). */
export interface HeartbeatOptions {
  /** Interval in seconds. The smaller of this and the broker's non-zero interval counts; 0 disables heartbeats. */
  readonly interval: number;
  /** `auto`: the client sends and checks heartbeats. `manual`: only `heartbeatTick()` does. */
  readonly mode: 'auto' | 'manual';
}

/**
 * Options of `connect()` and `createConnection()`.
 *
 * @example
 * ```ts
 * const connection = await connect({
 *   urls: ['amqps://rabbit-1', 'amqps://rabbit-2'],
 *   connectionName: 'billing',
 *   credentials: { username: 'billing', password },
 *   tls: { ca },
 *   heartbeat: 10,
 *   reconnect: { maxDelay: 10_000 },
 * });
 * ```
 */
export interface ConnectionOptions {
  /** The addresses of the brokers. Default `amqp://guest:guest@localhost:5672`. */
  readonly urls?: Urls;
  /** Name of the connection in RabbitMQ's management pages and log. Default: none. */
  readonly connectionName?: string;
  /**
   * Login; replaces the URI's. A function is called for each round of attempts to connect. If the credentials that it
   * returns have an `expiresAt`, it is called again when 70 to 80 % of their lifetime have passed, and the client sends the
   * new password to the broker (connection.update-secret). A failed renewal is tried again until the credentials expire.
   * Then the connection counts as lost. Each call may take `connectTimeout`.
   *
   * @example
   * ```ts
   * credentials: async ({ signal }) => {
   *   const { token, exp } = await fetchToken({ signal });
   *   return { username: 'billing', password: token, expiresAt: exp * 1_000 };
   * }
   * ```
   *
   * @see https://www.rabbitmq.com/docs/oauth2
   */
  readonly credentials?: Credentials | CredentialsProvider;
  /** SASL mechanisms in the order of preference. Default: PLAIN, then AMQPLAIN, with the credentials. */
  readonly mechanisms?: readonly SaslMechanism[];
  /** Virtual host; replaces the URI's. Default: the URI's, or `/`. */
  readonly vhost?: string;
  /**
   * Node's TLS options for `amqps:` URIs (https://nodejs.org/api/tls.html). Default: Node's defaults, which verify
   * certificate and host name.
   */
  readonly tls?: TlsOptions;
  /** Creates the connected (for TLS: secured) socket. Default: by `node:net` and `node:tls`. */
  readonly createSocket?: (endpoint: Endpoint, signal: AbortSignal) => Promise<Socket | Duplex>;
  /** Deadline for DNS, TCP, TLS and handshake together, for each host, in ms; Infinity for none. Default 10,000. */
  readonly connectTimeout?: number;
  /** Ends `connect()` with the signal's reason. Has no effect once the connection is open. */
  readonly signal?: AbortSignal;
  /**
   * Heartbeat interval in seconds. The smaller of this and the broker's non-zero interval counts; 0 disables
   * heartbeats. Default 20.
   * With `mode: 'manual'` heartbeats are sent and checked only by `heartbeatTick()`.
   */
  readonly heartbeat?: number | HeartbeatOptions;
  /** Largest frame in bytes. The smaller of this and the broker's limit counts. Default 131,072. */
  readonly frameMax?: number;
  /** Maximum number of channels. The smaller of this and the broker's limit counts. Default 2,047. */
  readonly channelMax?: number;
  /**
   * Deadline of a synchronous method in ms; Infinity for none. It restarts with each answer on the same channel, so it
   * does not have to cover many declarations that are sent at once. If the restore of a lost channel gets no answer within
   * it, the connection is treated as lost. Default 30,000.
   */
  readonly rpcTimeout?: number;
  /** Reconnect and restore after a loss. Default: on. With `false` the connection closes instead. */
  readonly reconnect?: false | ReconnectOptions;
  /**
   * Number of rounds over all hosts, after which a connection of `createConnection()` that was never open gives up and
   * closes; Infinity for no limit. Default: `reconnect.attempts`, or 1 with `reconnect: false`.
   */
  readonly connectAttempts?: number;
  /**
   * Maximum size of a message in bytes. Larger messages are not buffered. A consumer rejects them without requeue (unless
   * it has `onTooLarge`), and `basicGet()` returns them to their queue; with `noAck` they are lost. Default 134,217,728
   * (RabbitMQ's limit).
   */
  readonly maxMessageSize?: number;
  /**
   * Maximum bytes of deliveries in the process, beyond which the socket is not read. Deliveries count while they wait
   * for a handler or an iterator, and while their handler runs if neither acknowledgements nor a prefetch limit them.
   * While a call or a confirm is outstanding, the client continues to read slowly, a sixteenth of this value each 100
   * ms, so that the answer arrives. Default 67,108,864; Infinity for no limit.
   */
  readonly maxHeldBytes?: number;
  /** Maximum bytes that wait for the socket; further publishes wait. Default 4,194,304. */
  readonly writeBufferSize?: number;
  /** Further client properties, which the broker shows (section 1.4.2.2.1). Default: none. */
  readonly clientProperties?: FieldTable;
  /** Receives a line for each notable event. Default: silent. */
  readonly logger?: ClientLogger;
  /** For tests: the clock. Default: the system's clock. */
  readonly clock?: Clock;
  /**
   * For tests: the randomness of the order of brokers and of waits between attempts. Default: the system's randomness.
   */
  readonly random?: Random;
}

/** The options with all defaults. */
export interface ResolvedOptions {
  readonly urls: Urls;
  readonly connectionName: string | undefined;
  readonly credentials: Credentials | CredentialsProvider | undefined;
  readonly secret: UpdatedSecret;
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

/** The options of one round of attempts, with the credentials that the provider has returned. */
export interface RoundOptions extends Omit<ResolvedOptions, 'credentials'> {
  readonly credentials: Credentials | undefined;
  /** Takes precedence over all other credentials; undefined without a provider. */
  readonly provided: ProvidedCredentials | undefined;
}

/**
 * Default deadline in ms for finding the brokers, for the function that returns credentials, and for DNS, TCP, TLS and
 * handshake of each broker.
 */
export const DEFAULT_CONNECT_TIMEOUT = 10_000;

/** Default waits between attempts, ms. */
export const reconnectDefaults = { initialDelay: 100, maxDelay: 30_000 } as const;

const silent: ClientLogger = { warn() {} };

/** @throws ConfigurationError that names the option */
export function resolveOptions(options: ConnectionOptions): ResolvedOptions {
  const { heartbeat, reconnect } = options;
  checkConnectionOptions(options);
  return {
    urls: options.urls ?? 'amqp://localhost',
    connectionName: options.connectionName,
    credentials: options.credentials,
    secret: new UpdatedSecret(),
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
  };
}

const LIMIT = count({ min: 1, unlimited: true });

const MECHANISMS: ValueCheck = {
  fits: (value) => Array.isArray(value) && value.every(isMechanism),
  expected: 'a list of SASL mechanisms, such as [plain({ username, password })]',
};

function isMechanism(value: unknown): boolean {
  const { name, initialResponse } = Object(value) as Partial<SaslMechanism>;
  return typeof name === 'string' && typeof initialResponse === 'function';
}

const CONNECTION = {
  urls: CHECKED_ELSEWHERE,
  connectionName: TEXT,
  credentials: CHECKED_ELSEWHERE,
  mechanisms: MECHANISMS,
  vhost: TEXT,
  tls: OBJECT,
  createSocket: FUNCTION,
  connectTimeout: TUNING_CHECKS.connectionTimeout,
  signal: SIGNAL,
  heartbeat: {
    fits: (value) => TUNING_CHECKS.heartbeat.fits(value) || OBJECT.fits(value),
    expected: `${TUNING_CHECKS.heartbeat.expected}, or { interval, mode }`,
  },
  frameMax: TUNING_CHECKS.frameMax,
  channelMax: TUNING_CHECKS.channelMax,
  rpcTimeout: numberFrom(1),
  reconnect: CHECKED_ELSEWHERE,
  connectAttempts: LIMIT,
  maxMessageSize: count({ min: 0, unlimited: true }),
  maxHeldBytes: LIMIT,
  writeBufferSize: LIMIT,
  clientProperties: OBJECT,
  logger: withMethods('an object', 'warn'),
  clock: CLOCK,
  random: withMethods('an object', 'next'),
} satisfies OptionChecks<ConnectionOptions>;
const RECONNECT = {
  initialDelay: numberIn(0, Number.MAX_SAFE_INTEGER),
  maxDelay: DURATION,
  attempts: LIMIT,
} satisfies OptionChecks<ReconnectOptions>;
const HEARTBEAT = {
  interval: TUNING_CHECKS.heartbeat,
  mode: oneOf('auto', 'manual'),
} satisfies OptionChecks<HeartbeatOptions>;

/** @throws ConfigurationError that names the option */
export function checkConnectionOptions(options: ConnectionOptions): void {
  const { heartbeat, reconnect, tls } = options;
  checkOptions('connect', options, CONNECTION);
  if (typeof heartbeat === 'object') checkOptions('heartbeat', heartbeat, HEARTBEAT, 'heartbeat.');
  if (reconnect !== undefined && reconnect !== false) {
    checkOptions('reconnect', reconnect, RECONNECT, 'reconnect.');
  }
  const unknown = tls && unknownOption(tls, TLS_OPTIONS);
  if (unknown !== undefined) throw new ConfigurationError(`tls: ${unknown}`);
  checkLogin(options);
  checkClientProperties(options);
}

function checkLogin({ credentials, mechanisms }: ConnectionOptions): void {
  if (credentials === undefined) return;
  if (typeof credentials === 'function') {
    if (mechanisms === undefined) return;
    throw new ConfigurationError(
      'credentials as a function need PLAIN or AMQPLAIN: leave mechanisms out (auth_mechanism of the URI chooses one)',
    );
  }
  if (typeof credentials !== 'object' || credentials === null) {
    throw new ConfigurationError('credentials must be { username, password }, or a function that returns them');
  }
  checkCredentials('credentials', credentials);
}
