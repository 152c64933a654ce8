import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ByteReader } from '../../protocol/bytes.js';
import { EncodingError, WireError } from '../../protocol/errors.js';
import type { FieldTable } from '../../protocol/field-table.js';
import { methodId, readMethod } from '../../protocol/methods.js';
import { FRAME_END, FrameType, PROTOCOL_HEADER } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName } from '../../protocol/types.js';
import { Channel, type ChannelOwner } from '../channel/channel.js';
import type { ChannelHost } from '../channel/channel-host.js';
import type { Consumer } from '../queue/consumer.js';
import { accessRefused, BrokerError } from '../errors.js';
import { validUntil } from './credentials.js';
import type { BrokerFaults, DropKind, FaultTarget } from '../control/faults.js';
import { Handshake, type Opened } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import type { Journal } from '../control/journal.js';
import type { ResolvedBrokerOptions } from '../options.js';
import type { Message } from '../queue/message.js';
import type { ReplyTargets } from '../channel/reply-to.js';
import { Transport, type TransportHandler } from './transport.js';
import type { Turns, Work } from '../control/turns.js';
import type { Vhost } from '../routing/vhost.js';

/** The part of the broker that a session uses. */
export interface SessionHost {
  readonly options: ResolvedBrokerOptions;
  readonly journal: Journal;
  readonly faults: BrokerFaults;
  readonly vhosts: ReadonlyMap<string, Vhost>;
  readonly replyTargets: ReplyTargets;
  readonly turns: Turns;
  /** Returns the reason why publishes are not taken now; undefined if they are. */
  blocked(): string | undefined;
  /** The socket and everything that belongs to it are gone. */
  onEnd(session: Session): void;
}

/** Time in ms that a client has to answer connection.close. After it the socket is closed. */
const CLOSE_TIMEOUT = 5_000;
/** Time in ms that a client has for its handshake, like RabbitMQ's handshake_timeout. */
const HANDSHAKE_TIMEOUT = 10_000;

/** The first bytes of a method frame; see `BrokerFaults.drop`. */
const HALF_A_FRAME = Uint8Array.of(FrameType.method, 0, 0, 0, 0, 0, 20, 0, 10);

/**
 * One client's connection.
 *
 *     header ──▶ handshake ──open-ok──▶ open ──(connection.close from either end)──▶ closing ──▶ over
 */
export class Session implements TransportHandler, ChannelOwner, FaultTarget {
  readonly transport: Transport;
  private readonly channels = new Map<number, Channel>();
  private readonly reader = new ByteReader(Buffer.alloc(0));
  /** Cancels the present deadline: that of the handshake, of the login, or of the answer to the broker's close. */
  private cancelDeadline: () => void;
  private handshake: Handshake | undefined;
  private opened: Opened | undefined;
  private heartbeat: Heartbeat | undefined;
  private closing = false;

  constructor(
    /** Its number in the journal, from 1. */
    readonly id: number,
    socket: Duplex,
    private readonly host: SessionHost,
  ) {
    this.transport = new Transport(socket, host.options.clock, host.turns, this);
    host.faults.onConnection(this);
    this.cancelDeadline = this.deadline(HANDSHAKE_TIMEOUT, 'no handshake in time');
  }

  /** The name that the client gave the connection (`connection_name`), or ''. */
  get name(): string {
    return this.opened?.name ?? '';
  }

  get user(): string {
    return this.opened?.user ?? '';
  }

  get isOpen(): boolean {
    return this.opened !== undefined && !this.closing && !this.transport.ended;
  }

  get clientProperties(): FieldTable {
    return this.opened?.clientProperties ?? {};
  }

  // Calls of the broker.

  /** Closes the connection with an error. */
  close(error: BrokerError, method?: MethodName): void {
    if (this.closing || this.transport.ended) return;
    this.closing = true;
    const rest = this.release();
    const id = method === undefined ? 0 : methodId(method);
    const { replyCode, replyText } = error;
    this.host.journal.add('failed', { connection: this.id, channel: 0, replyCode, replyText });
    this.host.options.log(`connection ${this.id} ${this.opened ? 'failed' : 'refused'}: ${replyCode} ${replyText}`);
    this.send(0, 'connection.close', { replyCode, replyText, classId: id >>> 16, methodId: id & 0xffff });
    this.cancelDeadline();
    this.cancelDeadline = this.deadline(CLOSE_TIMEOUT, 'the client did not answer connection.close');
    this.host.turns.run(rest);
  }

  drop(how: DropKind): void {
    switch (how) {
      case 'close':
        return this.close(new BrokerError('CONNECTION_FORCED', 'Closed via the embedded broker'));
      case 'mid-frame':
        return this.transport.finish('dropped in the middle of a frame', HALF_A_FRAME);
      case 'end':
        return this.transport.finish('dropped');
      case 'reset':
        return this.transport.destroy('reset', 'reset');
    }
  }

  /** A heartbeat frame with a wrong end. */
  corruptFrame(): void {
    this.transport.writer.raw(Uint8Array.of(FrameType.heartbeat, 0, 0, 0, 0, 0, 0, FRAME_END - 1));
  }

  block(reason: string): void {
    if (this.isOpen && this.understands('connection.blocked')) this.send(0, 'connection.blocked', { reason });
  }

  unblock(): void {
    if (this.isOpen && this.understands('connection.blocked')) this.send(0, 'connection.unblocked', {});
    this.transport.release('blocked');
  }

  cancelConsumers(fits: (consumer: Consumer) => boolean): number {
    let count = 0;
    for (const channel of this.channels.values()) count += channel.cancelConsumers(fits);
    return count;
  }

  // Events of the socket.

  onProtocolHeader(header: Buffer): boolean {
    if (!header.equals(PROTOCOL_HEADER)) {
      // Section 4.2.2: the broker sends the protocol header that it supports, then closes the socket.
      this.transport.writer.raw(PROTOCOL_HEADER);
      this.transport.finish('it does not speak AMQP 0-9-1');
      return false;
    }
    const { options, faults, journal, vhosts } = this.host;
    this.handshake = new Handshake({
      id: this.id,
      options,
      faults,
      journal,
      vhosts,
      send: (name, args) => this.send(0, name, args),
      onOpened: (opened) => this.onOpened(opened),
      giveUp: (reason) => this.transport.finish(reason),
    });
    return true;
  }

  onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    if (channel === 0) return this.onControl(readMethod(this.reader.over(buffer, start, end)));
    if (this.closing) return;
    const there = this.channels.get(channel);
    if (there) return there.onMethod(buffer, start, end);
    const method = readMethod(this.reader.over(buffer, start, end));
    if (!this.opened) return this.close(notNow('the handshake'), method.name);
    if (method.name !== 'channel.open') {
      return this.close(new BrokerError('CHANNEL_ERROR', "expected 'channel.open'"), method.name);
    }
    this.openChannel(channel, this.opened);
  }

  onHeader(channel: number, buffer: Buffer, start: number, end: number): void {
    if (!this.closing) this.contentOf(channel)?.onHeader(buffer, start, end);
  }

  onBody(channel: number, buffer: Buffer, start: number, end: number): void {
    if (!this.closing) this.contentOf(channel)?.onBody(buffer, start, end);
  }

  /** Any frame is a sign of life (see Heartbeat), even if it is wrong. */
  onHeartbeat(channel: number, size: number): void {
    if (size > 0) this.close(new BrokerError('FRAME_ERROR', `a heartbeat with a payload of ${size} bytes`));
    else if (channel !== 0) this.close(new BrokerError('UNEXPECTED_FRAME', `a heartbeat on channel ${channel}`));
  }

  onMalformed(error: unknown): void {
    if (error instanceof WireError) this.close(new BrokerError(error.replyName, error.message));
    else {
      // A fault of the broker must not affect other connections.
      this.host.options.log(`connection ${this.id}: internal error: ${(error as Error).stack}`);
      this.close(new BrokerError('INTERNAL_ERROR', 'see the log of the embedded broker'));
    }
    // The start of the next frame is unknown, so the client's answer to the close cannot be read.
    this.transport.finish(error instanceof WireError ? error.message : 'internal error');
  }

  onRoom(): void {
    for (const channel of this.channels.values()) channel.consuming.wakeAll();
  }

  onEnd(reason: string): void {
    this.cancelDeadline();
    this.host.turns.run(this.release());
    this.host.journal.add('disconnected', { connection: this.id, reason });
    this.host.options.log(`connection ${this.id} closed: ${reason}`);
    this.host.onEnd(this);
  }

  // Events of channels.

  onError(channel: Channel, error: BrokerError, method: MethodName | undefined): void {
    if (error.scope === 'connection') return this.close(error, method);
    this.transport.carryOut(channel.shut('closing'));
    const id = method === undefined ? 0 : methodId(method);
    const { replyCode, replyText } = error;
    this.host.journal.add('failed', { connection: this.id, channel: channel.id, replyCode, replyText });
    this.send(channel.id, 'channel.close', { replyCode, replyText, classId: id >>> 16, methodId: id & 0xffff });
  }

  onClosed(channel: Channel): void {
    this.channels.delete(channel.id);
  }

  private onOpened(opened: Opened): void {
    this.cancelDeadline();
    this.handshake = undefined;
    this.opened = opened;
    this.transport.frameMax = opened.frameMax;
    if (opened.heartbeat > 0) {
      this.heartbeat = new Heartbeat(this.transport, this.host.options.clock, opened.heartbeat * 1000, () =>
        this.transport.destroy(`no heartbeat for ${2 * opened.heartbeat} s`),
      );
    }
    this.expireAt(opened.expiresAt);
    const { user, name, vhost } = opened;
    this.host.journal.add('connected', { connection: this.id, user, vhost: vhost.name, name });
    const called = name && `, called '${name}'`;
    const from = addressOf(this.transport.socket);
    this.host.options.log(`connection ${this.id} opened: from ${from}, user ${user}, vhost ${vhost.name}${called}`);
    const blocked = this.host.blocked();
    if (blocked !== undefined) this.block(blocked);
  }

  private onControl(method: Method): void {
    if (method.name === 'connection.closeOk' && this.closing) return this.transport.finish('closed by the broker');
    if (method.name === 'connection.close') {
      this.closing = true;
      return this.transport.carryOut(this.leave(this.release()));
    }
    if (this.closing) return;
    try {
      if (this.handshake) this.handshake.onMethod(method);
      else if (method.name === 'connection.updateSecret') this.updateSecret(method.args);
      else throw notNow('connection state running');
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.close(error, error.replyName === 'ACCESS_REFUSED' ? undefined : method.name);
    }
  }

  private updateSecret({ newSecret }: MethodArguments<'connection.updateSecret'>): void {
    const login = { user: this.user, password: Buffer.from(newSecret).toString('utf8') };
    const expiresAt = validUntil(this.host.options, login, 'new secret');
    if (expiresAt === undefined) throw new BrokerError('NOT_ALLOWED', 'New secret was refused by one of the backends');
    this.send(0, 'connection.updateSecretOk', {});
    this.expireAt(expiresAt);
  }

  /** @param time ms since 1970, when the login expires */
  private expireAt(time: number): void {
    this.cancelDeadline();
    const { clock } = this.host.options;
    this.cancelDeadline = clock.after(
      Math.max(0, time - clock.wallTime()),
      () => this.close(accessRefused('the credentials have expired')),
      { keepAlive: false },
    );
  }

  private openChannel(id: number, opened: Opened): void {
    if (this.channels.size >= opened.channelMax) {
      const { channelMax } = opened;
      const text = `number of channels opened (${channelMax}) has reached the negotiated channel_max (${channelMax})`;
      return this.close(new BrokerError('NOT_ALLOWED', text));
    }
    this.channels.set(id, new Channel(this.channelHost(id, opened), this));
    this.host.journal.add('method', { connection: this.id, channel: id, name: 'channel.open', args: {} });
    this.send(id, 'channel.openOk', {});
  }

  private channelHost(channelId: number, { user, vhost }: Opened): ChannelHost {
    const { journal, faults, replyTargets, options } = this.host;
    const isOpen = (): boolean => this.isOpen;
    return {
      get isOpen() {
        return isOpen();
      },
      connection: this,
      connectionId: this.id,
      channelId,
      user,
      vhost,
      transport: this.transport,
      journal,
      faults,
      random: options.random,
      replyTargets,
      cancelNotify: this.understands('consumer_cancel_notify'),
      maxMessageSize: options.maxMessageSize,
      send: (name, args) => this.send(channelId, name, args),
      forward: (name, args, message) => this.forward(channelId, name, args, message),
      onPublish: () => {
        if (this.host.blocked() !== undefined) this.transport.hold('blocked');
      },
    };
  }

  private contentOf(channel: number): Channel | undefined {
    const there = this.channels.get(channel);
    if (!there) this.close(new BrokerError('CHANNEL_ERROR', "expected 'channel.open'"));
    return there;
  }

  private send<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void {
    // No method of a channel follows a close of the connection, whichever side has sent it.
    if (this.transport.ended || (this.closing && channel !== 0)) return;
    this.transport.writer.method(channel, name, args);
  }

  /**
   * Returns false if frames cannot hold the message. A thrown error would be reported to the publisher of the message.
   */
  private forward<N extends MethodName>(
    channel: number,
    name: N,
    args: MethodArguments<N>,
    { encoded, body }: Pick<Message, 'encoded' | 'body'>,
  ): boolean {
    if (this.closing || this.transport.ended) return false;
    try {
      this.transport.writer.forward(channel, name, args, encoded, body);
      return true;
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      this.close(new BrokerError('FRAME_ERROR', error.message), name);
      return false;
    }
  }

  private deadline(ms: number, reason: string): () => void {
    return this.host.options.clock.after(ms, () => this.transport.destroy(reason), { keepAlive: false });
  }

  private understands(capability: string): boolean {
    const capabilities = this.clientProperties['capabilities'] as FieldTable | undefined;
    return capabilities?.[capability] === true;
  }

  /** The queues are deleted before the answer, since the client may use their names again. */
  private *leave(rest: Work): Work {
    yield* rest;
    this.send(0, 'connection.closeOk', {});
    this.transport.leave('closed by the client');
  }

  /** Ends the channels. Returns the remaining work: their deliveries are requeued, and exclusive queues are deleted. */
  private release(): Work {
    this.heartbeat?.stop();
    const rest = [...this.channels.values()].map((channel) => channel.shut('gone'));
    this.channels.clear();
    return this.letGo(rest);
  }

  private *letGo(rest: readonly Work[]): Work {
    for (const work of rest) yield* work;
    if (this.opened) yield* this.opened.vhost.removeOwned(this);
  }
}

/** Returns the client's address for the log. A stream that is no TCP socket has none. */
function addressOf(socket: Duplex): string {
  return socket instanceof Socket ? `${socket.remoteAddress}:${socket.remotePort}` : 'a stream';
}

function notNow(state: string): BrokerError {
  return new BrokerError('CHANNEL_ERROR', `unexpected method in ${state}`);
}
