import type { FieldTable } from '../../protocol/field-table.js';
import { FRAME_MIN_SIZE, PROTOCOL_HEADER } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName } from '../../protocol/types.js';
import { AccessRefusedError, ConnectionError, ConnectionLostError, NotAllowedError } from '../errors.js';
import { clientProperties } from './client-properties.js';
import type { RoundOptions } from './connection-options.js';
import type { Credentials } from './credentials.js';
import { amqplain, plain, type SaslMechanism } from './sasl.js';
import type { FrameWriter } from '../../protocol/frame-writer.js';
import { addressOf, type Endpoint } from './uri.js';

/** The result of a handshake: the values of connection.tune-ok, and the broker's description of itself. */
export interface Negotiated {
  /** Bytes. */
  readonly frameMax: number;
  readonly channelMax: number;
  /** Seconds; 0 is none. */
  readonly heartbeat: number;
  readonly serverProperties: FieldTable;
  /** The user of the login; undefined for a login by certificate or by a custom mechanism. */
  readonly user: string | undefined;
}

/** The part of a link that a handshake uses. */
export interface HandshakeLink {
  readonly transport: { readonly writer: FrameWriter };
  send<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void;
  receive(): Promise<Method>;
  whileAlive<T>(promise: T | PromiseLike<T>): Promise<T>;
  tune(frameMax: number, offered: number): void;
}

const DEFAULT_FRAME_MAX = 131_072;
const DEFAULT_CHANNEL_MAX = 2_047;
const DEFAULT_HEARTBEAT = 20;

/**
 * The opening of a connection (section 2.2.4), from the protocol header to open-ok:
 *
 *     AMQP0091 ─▶ start ─▶ start-ok (─▶ secure ─▶ secure-ok)* ─▶ tune ─▶ tune-ok, open ─▶ open-ok
 *
 * @throws ConnectionError, or AccessRefusedError and NotAllowedError with scope 'connection'
 */
export async function handshake(link: HandshakeLink, endpoint: Endpoint, options: RoundOptions): Promise<Negotiated> {
  link.transport.writer.raw(PROTOCOL_HEADER);
  const start = await greeting(link, endpoint);
  const { mechanism, user } = chooseMechanism(text(start.args.mechanisms), endpoint, options);
  link.send(0, 'connection.startOk', {
    clientProperties: clientProperties(options),
    mechanism: mechanism.name,
    // Our own mechanisms have it already.
    response: mechanism.initialResponse(options.mechanisms && options.secret.password),
    locale: text(start.args.locales).split(' ')[0] || 'en_US',
  });
  const tune = await authenticate(link, mechanism, endpoint, options);
  const limits = negotiate(tune, endpoint, options);
  const negotiated = { ...limits, serverProperties: start.args.serverProperties, user };
  link.send(0, 'connection.tuneOk', limits);
  link.tune(negotiated.frameMax, tune.frameMax);
  link.send(0, 'connection.open', { virtualHost: options.vhost ?? endpoint.vhost });
  try {
    await expect(link, endpoint, 'connection.openOk');
  } catch (error) {
    // RabbitMQ reports 530 for a vhost that is missing or not allowed, and closes the socket for some other errors.
    if (!(error instanceof ConnectionLostError)) throw error;
    throw new NotAllowedError(
      `${describeLogin(endpoint, options)}: the broker closed the socket when the vhost was opened: check that the vhost exists and that the user may access it`,
      { cause: error, scope: 'connection' },
    );
  }
  options.secret.loggedIn(givenCredentials(endpoint, options));
  return negotiated;
}

/** Returns a text such as `connection 'billing' to 10.0.0.7:5672 as user 'app', vhost '/'`. */
export function describeLogin(endpoint: Endpoint, options: RoundOptions): string {
  const { connectionName, mechanisms } = options;
  const name = connectionName === undefined ? '' : ` '${connectionName}'`;
  // The client does not know the user of a custom mechanism.
  const user = mechanisms ? '' : ` as user '${credentialsOf(endpoint, options).username}'`;
  return `connection${name} to ${addressOf(endpoint)}${user}, vhost '${options.vhost ?? endpoint.vhost}'`;
}

async function greeting(
  link: HandshakeLink,
  endpoint: Endpoint,
): Promise<Extract<Method, { readonly name: 'connection.start' }>> {
  try {
    return await expect(link, endpoint, 'connection.start');
  } catch (error) {
    // In TLS 1.3 the client finishes before the broker has checked the client's certificate, and the broker's alert may
    // not arrive.
    if (!endpoint.tls || !(error instanceof ConnectionLostError)) throw error;
    const message = `${error.message}: it hung up after the TLS handshake, which it does for lack of a client certificate that it trusts`;
    throw new ConnectionError(message, { cause: error }, false);
  }
}

async function authenticate(
  link: HandshakeLink,
  mechanism: SaslMechanism,
  endpoint: Endpoint,
  options: RoundOptions,
): Promise<MethodArguments<'connection.tune'>> {
  for (;;) {
    let method: Method;
    try {
      method = await expect(link, endpoint, 'connection.tune', 'connection.secure');
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      throw new AccessRefusedError(
        `${describeLogin(endpoint, options)}: the broker closed the socket after a ${mechanism.name} login: check name and password`,
        { cause: error, scope: 'connection', recoverable: mayPass(options) },
      );
    }
    if (method.name === 'connection.tune') return method.args;
    if (!mechanism.respond) {
      throw new AccessRefusedError(
        `${describeLogin(endpoint, options)}: the broker sent a challenge, which the mechanism ${mechanism.name} cannot answer`,
        { scope: 'connection' },
      );
    }
    const { challenge } = method.args as MethodArguments<'connection.secure'>;
    link.send(0, 'connection.secureOk', { response: await link.whileAlive(mechanism.respond(challenge)) });
  }
}

async function expect<N extends MethodName>(
  link: HandshakeLink,
  endpoint: Endpoint,
  ...names: N[]
): Promise<Extract<Method, { readonly name: N }>> {
  const method = await link.receive();
  if ((names as string[]).includes(method.name)) return method as Extract<Method, { readonly name: N }>;
  throw new ConnectionError(
    `${addressOf(endpoint)}: the broker sent ${method.name} where ${names.join(' or ')} was expected`,
  );
}

function chooseMechanism(
  offered: string,
  endpoint: Endpoint,
  options: RoundOptions,
): { readonly mechanism: SaslMechanism; readonly user: string | undefined } {
  const credentials = credentialsOf(endpoint, options);
  const wanted = endpoint.query.authMechanism;
  const able = options.mechanisms ?? [plain(credentials), amqplain(credentials)];
  const ours = wanted ? able.filter(({ name }) => name === wanted) : able;
  const theirs = offered.split(' ');
  const chosen = ours.find(({ name }) => theirs.includes(name));
  if (chosen) return { mechanism: chosen, user: options.mechanisms ? undefined : credentials.username };
  throw new AccessRefusedError(
    `${describeLogin(endpoint, options)}: no common login mechanism: the broker offers ${theirs.join(', ')}; here are ${ours.map(({ name }) => name).join(', ') || 'none'}`,
    { scope: 'connection' },
  );
}

/** Returns true if a refused login may succeed in the next round, for which a provider returns other credentials. */
export function mayPass({ provided }: RoundOptions): boolean {
  return provided !== undefined;
}

/** Returns the credentials: those of the provider, else the given ones with the password of `updateSecret()`. */
function credentialsOf(endpoint: Endpoint, options: RoundOptions): Credentials {
  const { username, password } = options.provided ?? options.secret.applyTo(givenCredentials(endpoint, options));
  return { username, password };
}

/** Returns the credentials of the options, else of the URI, else RabbitMQ's `guest`. */
function givenCredentials(endpoint: Endpoint, { credentials }: RoundOptions): Credentials {
  if (credentials) return credentials;
  const { username, password = username === undefined ? 'guest' : '' } = endpoint;
  return { username: username ?? 'guest', password };
}

function negotiate(
  tune: MethodArguments<'connection.tune'>,
  endpoint: Endpoint,
  options: RoundOptions,
): Pick<Negotiated, 'frameMax' | 'channelMax' | 'heartbeat'> {
  const { query } = endpoint;
  const frameMax = smaller(options.frameMax ?? query.frameMax ?? DEFAULT_FRAME_MAX, tune.frameMax);
  if (frameMax < FRAME_MIN_SIZE) {
    throw new ConnectionError(
      `${addressOf(endpoint)}: the broker proposes a frame-max of ${frameMax} bytes; AMQP requires at least ${FRAME_MIN_SIZE}`,
    );
  }
  const heartbeat = options.heartbeat ?? query.heartbeat ?? DEFAULT_HEARTBEAT;
  return {
    frameMax,
    channelMax: smaller(options.channelMax ?? query.channelMax ?? DEFAULT_CHANNEL_MAX, tune.channelMax) || 0xffff,
    heartbeat: heartbeat === 0 ? 0 : Math.ceil(smaller(heartbeat, tune.heartbeat)),
  };
}

/** Returns the smaller of two limits; 0 means no limit. */
function smaller(ours: number, theirs: number): number {
  if (ours === 0 || theirs === 0) return ours || theirs;
  return Math.min(ours, theirs);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
