import { Buffer } from 'node:buffer';
import { onAbort } from '../../environment/index.js';
import { ByteReader } from '../../protocol/bytes.js';
import { EncodingError, WireError } from '../../protocol/errors.js';
import { readMethod } from '../../protocol/methods.js';
import { replyCodes } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName } from '../../protocol/types.js';
import {
  ConfigurationError,
  AmqpError,
  ConnectionClosedError,
  ConnectionError,
  ConnectionLostError,
  TimeoutError,
  UnexpectedPeerError,
} from '../errors.js';
import { closeError } from '../close-error.js';
import { diagnostics, type HeartbeatMessage } from '../diagnostics.js';
import { foreignError } from '../foreign-error.js';
import type { BrokerPeer } from '../tracing.js';
import { Deferred } from '../timing/deferred.js';
import { describeLogin, handshake, mayPass, type Negotiated } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import type { RoundOptions } from './connection-options.js';
import type { ProvidedCredentials } from './credentials.js';
import type { InflowOwner } from './inflow.js';
import { openTransport, type Transport, type TransportHandler } from './transport.js';
import { addressOf, type Endpoint } from './uri.js';
import { recognisePeer, recogniseTlsFailure } from './wrong-port.js';

/** A receiver of one channel's frames. */
export interface FrameReceiver {
  onMethod(buffer: Buffer, start: number, end: number): void;
  onHeader(buffer: Buffer, start: number, end: number, limit: number): void;
  onBody(buffer: Buffer, start: number, end: number): void;
  /** True while a message is incomplete. */
  readonly midContent: boolean;
  /** The link has ended. Channels hear of it from their connection. */
  onLinkGone?(): void;
}

/** The receiver of a link's events, once the link is open. */
export interface LinkOwner extends InflowOwner {
  onControlMethod(method: Method): void;
  /** Called once. The link cannot be used any more. */
  onLinkLost(error: ConnectionError): void;
  onRoom(): void;
  /** Called after the frames of one read were passed on. */
  onEvents(): void;
}

/**
 * One live AMQP connection over one socket, from its handshake to its end. It dies once; the durable `Connection` then
 * opens another.
 *
 *     handshaking ──openOk──▶ open ──(close | lost | malformed)──▶ over
 */
export class Link implements TransportHandler {
  negotiated!: Negotiated;
  readonly peer: BrokerPeer;
  /** The reason why the broker has blocked the connection; undefined if it has not. */
  blocked: string | undefined;
  private transportOrNone: Transport | undefined;
  private readonly channels = new Map<number, FrameReceiver>();
  private readonly reader = new ByteReader(Buffer.alloc(0));
  private readonly early: Method[] = [];
  private owner: LinkOwner | undefined;
  private awaited: { resolve(method: Method): void; reject(error: Error): void } | undefined;
  private failure: ConnectionError | undefined;
  /** The broker's error, if it has closed the connection. */
  private refusal: AmqpError | undefined;
  private readonly over = new Deferred<never>();
  private readonly ending = new AbortController();
  private heartbeat: Heartbeat | undefined;
  private sawFrame = false;
  private sawEvent = false;

  private constructor(
    readonly endpoint: Endpoint,
    private readonly options: RoundOptions,
  ) {
    const { host, port, vhost } = endpoint;
    this.peer = { host, port, vhost, connectionName: options.connectionName };
  }

  /**
   * Connects and carries out the handshake.
   *
   * @param signal the deadline of all steps
   * @throws ConnectionError or a subclass, with the socket's error as its cause
   */
  static async open(endpoint: Endpoint, options: RoundOptions, signal: AbortSignal): Promise<Link> {
    const link = new Link(endpoint, options);
    let unwatch: (() => void) | undefined;
    try {
      const transport = await openTransport(endpoint, options, link, signal);
      link.transportOrNone = transport;
      signal.throwIfAborted();
      unwatch = onAbort(signal, () => link.fail(foreignError(signal.reason, 'the signal')));
      link.negotiated = await handshake(link, endpoint, options);
      link.startHeartbeat();
      return link;
    } catch (thrown) {
      const error = refusedEarly(foreignError(thrown, 'the login'));
      const noTls = endpoint.tls ? recogniseTlsFailure(error) : undefined;
      link.fail(noTls ? new UnexpectedPeerError(`${link.describe()}: ${noTls}`, { cause: error }) : error);
      // If a deadline or the caller ended the attempt, that is the reason, not the resulting error of the socket.
      signal.throwIfAborted();
      throw error instanceof AmqpError ? error : link.failure;
    } finally {
      unwatch?.();
    }
  }

  get transport(): Transport {
    return this.transportOrNone!;
  }

  /** The credentials of the login, if a provider has returned them. */
  get provided(): ProvidedCredentials | undefined {
    return this.options.provided;
  }

  get alive(): boolean {
    return this.failure === undefined;
  }

  /** Aborted when the link ends. */
  get ended(): AbortSignal {
    return this.ending.signal;
  }

  /** From here on the owner gets all events, including those since the handshake. */
  attach(owner: LinkOwner): void {
    const lost = this.failure;
    this.owner = owner;
    for (const method of this.early.splice(0)) owner.onControlMethod(method);
    // A later loss is reported when it happens; in both cases once.
    if (lost) owner.onLinkLost(lost);
  }

  /** Resolves with the next method on channel 0 during the handshake. */
  receive(): Promise<Method> {
    const method = this.early.shift();
    if (method) return Promise.resolve(method);
    if (this.failure) return Promise.reject(this.refusal ?? this.failure);
    return new Promise((resolve, reject) => {
      this.awaited = { resolve, reject };
    });
  }

  /** Waits for a foreign promise, but not beyond the link's end. @throws the error that has ended the link */
  async whileAlive<T>(promise: T | PromiseLike<T>): Promise<T> {
    return Promise.race([promise, this.over.promise]);
  }

  send<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void {
    if (this.alive) this.transport.writer.method(channel, name, args);
  }

  /** Applies the negotiated values of tune to the write and read paths. */
  tune(frameMax: number, offered: number): void {
    this.transport.tune(frameMax, offered);
  }

  register(channel: number, receiver: FrameReceiver): void {
    this.channels.set(channel, receiver);
  }

  unregister(channel: number): void {
    this.channels.delete(channel);
  }

  heartbeatTick(rate?: number): void {
    this.heartbeat?.tick(rate);
  }

  /** Ends the link: flushes the gathered bytes, then closes the socket. */
  finish(error: ConnectionError): void {
    // First, since a custom socket may end within the call, and that is not the reason for the link's end.
    this.fail(error, 'kept');
    this.transport.finish();
  }

  /** Ends the link with connection.close. @param why for the broker's log */
  leave(why: string, error: ConnectionError = new ConnectionClosedError(why)): void {
    this.send(0, 'connection.close', { replyCode: 200, replyText: why, classId: 0, methodId: 0 });
    this.finish(error);
  }

  /** Ends the link at once. @param socket how the socket ends */
  fail(error: Error, socket: 'destroyed' | 'kept' = 'destroyed'): void {
    if (this.failure) return;
    this.failure =
      error instanceof ConnectionError
        ? error
        : new ConnectionLostError(`${this.describe()}: ${error.message}`, 'unknown', { cause: error });
    this.over.reject(this.failure);
    this.ending.abort(this.failure);
    this.heartbeat?.stop();
    if (socket === 'destroyed') this.transportOrNone?.destroy();
    this.awaited?.reject(this.refusal ?? this.failure);
    for (const receiver of [...this.channels.values()]) receiver.onLinkGone?.();
    this.owner?.onLinkLost(this.failure);
  }

  // Events of the transport.

  onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    this.sawFrame = true;
    if (channel !== 0) {
      const receiver = this.receiver(channel);
      receiver.onMethod(buffer, start, end);
      this.sawEvent ||= !receiver.midContent;
      return;
    }
    const method = readMethod(this.reader.over(buffer, start, end));
    if (method.name === 'connection.blocked') this.blocked = method.args.reason;
    if (method.name === 'connection.unblocked') this.blocked = undefined;
    if (method.name === 'connection.close') return this.onClosedByBroker(method.args);
    const { awaited } = this;
    if (this.owner) this.owner.onControlMethod(method);
    else if (awaited) {
      this.awaited = undefined;
      awaited.resolve(method);
    } else this.early.push(method);
  }

  onHeader(channel: number, buffer: Buffer, start: number, end: number, limit: number): void {
    const receiver = this.receiver(channel);
    receiver.onHeader(buffer, start, end, limit);
    this.sawEvent ||= !receiver.midContent;
  }

  onBody(channel: number, buffer: Buffer, start: number, end: number): void {
    const receiver = this.receiver(channel);
    receiver.onBody(buffer, start, end);
    this.sawEvent ||= !receiver.midContent;
  }

  onHeartbeat(): void {
    this.sawFrame = true;
  }

  onChunkDone(): void {
    if (!this.sawEvent) return;
    this.sawEvent = false;
    this.owner?.onEvents();
  }

  onRoom(): void {
    this.owner?.onRoom();
  }

  heldBytes(): number {
    return this.owner?.heldBytes() ?? 0;
  }

  awaitsBroker(): boolean {
    return this.owner?.awaitsBroker() ?? true;
  }

  onMalformed(error: unknown, chunk: Buffer): void {
    const peer = this.sawFrame ? undefined : recognisePeer(chunk);
    if (peer) return this.fail(new UnexpectedPeerError(`${this.describe()}: ${peer}`));
    const wire = error instanceof WireError ? error : undefined;
    const close = {
      replyCode: wire?.replyCode ?? replyCodes.INTERNAL_ERROR.code,
      replyText: wire?.message ?? 'internal error of the client',
      classId: 0,
      methodId: 0,
    };
    this.send(0, 'connection.close', close);
    const replyText = `the broker sent what is not AMQP: ${close.replyText}`;
    const failure = closeError('connection', { ...close, replyText }, this.describe());
    if (!wire) (failure as { cause?: unknown }).cause = error;
    this.finish(failure);
  }

  onEnd(error: Error | undefined): void {
    const reason = error ? error.message : 'the broker closed the socket without a word';
    this.fail(new ConnectionLostError(`${this.describe()}: ${reason}`, 'unknown', { cause: error }), 'kept');
  }

  /** Also during the handshake: the broker waits for close-ok (section 1.4.2.10) and logs its absence. */
  private onClosedByBroker(args: MethodArguments<'connection.close'>): void {
    this.send(0, 'connection.closeOk', {});
    // Before the connection is open, the broker refuses the login or the vhost.
    if (this.owner) this.refusal = closeError('connection', args, this.describe());
    else {
      const login = describeLogin(this.endpoint, this.options);
      const refused = args.replyCode === replyCodes.ACCESS_REFUSED.code;
      this.refusal = closeError('connection', args, login, refused && mayPass(this.options) ? true : undefined);
    }
    this.finish(asLost(this.refusal));
  }

  /** Returns a text such as `connection to 10.0.0.7:5672`. */
  describe(): string {
    return `connection to ${addressOf(this.endpoint)}`;
  }

  private receiver(channel: number): FrameReceiver {
    const receiver = this.channels.get(channel);
    if (!receiver) throw new WireError('CHANNEL_ERROR', `a frame for channel ${channel}, which is not open`);
    return receiver;
  }

  private startHeartbeat(): void {
    const interval = this.negotiated.heartbeat * 1000;
    // The link may have ended in the turn in which it opened. Then nothing would stop the heartbeat.
    if (interval === 0 || !this.alive) return;
    const onDead = (silence: number): void => {
      this.fail(
        new TimeoutError(`the broker has sent nothing for ${Math.round(silence)} ms: two heartbeats are missing`),
      );
    };
    const onTimer = (delay: number): void => {
      if (!diagnostics.heartbeat.hasSubscribers) return;
      const message: HeartbeatMessage = { peer: this.peer, interval, delay };
      diagnostics.heartbeat.publish(message);
    };
    this.heartbeat = new Heartbeat(this.transport, interval, this.options.clock, onDead, onTimer);
    if (!this.options.manualHeartbeat) this.heartbeat.start();
  }
}

/** A value of the options that cannot be encoded fails in every attempt, at every broker. */
function refusedEarly(error: Error): Error {
  return error instanceof EncodingError ? new ConfigurationError(`connect: ${error.message}`, { cause: error }) : error;
}

/** Creates the error for pending calls: the loss, with the broker's error as its cause. */
export function asLost(error: AmqpError): ConnectionError {
  if (error instanceof ConnectionLostError || error instanceof ConnectionClosedError) return error;
  const { replyCode, replyText, method } = error as ConnectionError;
  return new ConnectionLostError(error.message, 'unknown', { cause: error, replyCode, replyText, method });
}
