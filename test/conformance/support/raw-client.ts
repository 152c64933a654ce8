import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { ByteReader } from '../../../lib/protocol/bytes.js';
import { ContentAssembler } from '../../../lib/protocol/content.js';
import { FrameReader } from '../../../lib/protocol/frame-reader.js';
import { FrameWriter } from '../../../lib/protocol/frame-writer.js';
import { methodName, readMethod } from '../../../lib/protocol/methods.js';
import { readProperties } from '../../../lib/protocol/properties.js';
import { methods, PROTOCOL_HEADER } from '../../../lib/protocol/spec.js';
import type { MessageProperties, Method, MethodArguments, MethodName } from '../../../lib/protocol/types.js';

/** Milliseconds that any awaited method may take. */
const PATIENCE = 60_000;

/** A method of the broker, with its content if it has one; or a heartbeat. */
export interface Received {
  readonly channel: number;
  readonly method: Method | undefined;
  readonly properties: MessageProperties | undefined;
  readonly body: Buffer | undefined;
}

interface Login {
  readonly user?: string;
  readonly password?: string;
  readonly vhost?: string;
  readonly tuneOk?: Partial<MethodArguments<'connection.tuneOk'>>;
  readonly capabilities?: Record<string, boolean>;
}

/** A client that sends exactly what a test tells it to: it keeps no state, checks nothing and answers nothing by itself. */
export class RawClient {
  /** Resolves once the broker has closed the socket. */
  readonly ended: Promise<void>;
  private readonly writer = new FrameWriter(() => undefined);
  private readonly reader: FrameReader;
  private readonly contents = new Map<number, { method: Method; assembler: ContentAssembler }>();
  private readonly inbox: Received[] = [];
  private readonly waiting = new Set<() => void>();
  private over = false;

  /** Uses a stream that is already connected. */
  constructor(private readonly socket: Duplex) {
    this.reader = new FrameReader({
      onMethod: (channel, buffer, start, end) => this.onMethod(channel, buffer, start, end),
      onHeader: (channel, buffer, start, end) => this.contents.get(channel)?.assembler.onHeader(buffer, start, end),
      onBody: (channel, buffer, start, end) => this.contents.get(channel)?.assembler.onBody(buffer, start, end),
      onHeartbeat: () => this.push({ channel: 0, method: undefined, properties: undefined, body: undefined }),
    });
    this.reader.frameMax = this.writer.frameMax = 0x7fff_ffff;
    this.ended = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => {
      this.over = true;
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.reader.push(chunk));
  }

  /** Opens a TCP connection and sends no bytes. */
  static async dial(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port || 5672), noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Opens a connection, up to and including open-ok. */
  static async open(url: string, login: Login = {}): Promise<RawClient> {
    const client = await RawClient.dial(url);
    await client.shakeHands(url, login);
    return client;
  }

  /** Runs the handshake from the protocol header to open-ok. */
  async shakeHands(url: string, login: Login = {}): Promise<void> {
    await this.logIn(url, login);
    await this.expect('connection.tune');
    const { channelMax = 2047, frameMax = 131_072, heartbeat = 0 } = login.tuneOk ?? {};
    this.send(0, 'connection.tuneOk', { channelMax, frameMax, heartbeat });
    this.send(0, 'connection.open', { virtualHost: login.vhost ?? vhostOf(url) });
    await this.expect('connection.openOk');
  }

  /** Sends the protocol header and start-ok. */
  async logIn(url: string, { user, password, capabilities }: Login = {}): Promise<void> {
    const { username, password: secret } = new URL(url);
    this.raw(PROTOCOL_HEADER);
    await this.expect('connection.start');
    const response = `\0${user ?? (username || 'guest')}\0${password ?? (secret || 'guest')}`;
    this.send(0, 'connection.startOk', {
      clientProperties: capabilities ? { capabilities } : {},
      mechanism: 'PLAIN',
      response: Buffer.from(response),
      locale: 'en_US',
    });
  }

  async openChannel(channel = 1): Promise<void> {
    this.send(channel, 'channel.open');
    await this.expect('channel.openOk');
  }

  /** Sends bytes unchanged. */
  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a method. Missing arguments are empty, zero or false. */
  send<N extends MethodName>(channel: number, name: N, args: Partial<MethodArguments<N>> = {}): void {
    this.writer.method(channel, name, { ...emptyArguments(name), ...args });
    this.flush();
  }

  publish(
    channel: number,
    args: Partial<MethodArguments<'basic.publish'>>,
    properties: MessageProperties = {},
    body: Uint8Array | string = '',
  ): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.writer.content(channel, 'basic.publish', { ...emptyArguments('basic.publish'), ...args }, properties, bytes);
    this.flush();
  }

  /** Writes all methods that `send` sends in one chunk. */
  together(send: () => void): void {
    this.socket.cork();
    send();
    this.socket.uncork();
  }

  /** Sends a frame by its parts, valid or invalid. */
  frame(type: number, channel: number, payload: Uint8Array, end = 0xce): void {
    const head = Buffer.alloc(7);
    head[0] = type;
    head.writeUInt16BE(channel, 1);
    head.writeUInt32BE(payload.length, 3);
    this.raw(Buffer.concat([head, payload, Buffer.of(end)]));
  }

  /** Returns all methods that have arrived and were not taken yet, heartbeats included. */
  take(): Received[] {
    return this.inbox.splice(0);
  }

  /** True if the broker has closed the socket. */
  get closed(): boolean {
    return this.over;
  }

  /** Resolves with the next method; heartbeats are skipped. @throws Error when none arrives in time */
  async next(): Promise<Received & { method: Method }> {
    for (;;) {
      const { method, ...rest } = await this.nextOfAny();
      if (method) return { method, ...rest };
    }
  }

  /** Resolves with the next method or heartbeat. */
  async nextOfAny(): Promise<Received> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const there = this.inbox.shift();
      if (there) return there;
      if (this.over) throw new Error('the broker has closed the socket');
      if (Date.now() > deadline) throw new Error(`the broker sent nothing for ${PATIENCE} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now() + 1);
        this.waiting.add(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  /** Resolves with the next method, which has to be `name`. @throws Error that names the method that arrived instead */
  async expect<N extends MethodName>(name: N): Promise<Received & { args: MethodArguments<N> }> {
    const received = await this.next();
    const { method } = received;
    if (method.name !== name) {
      throw new Error(`expected ${name}, but ${method.name} came: ${JSON.stringify(method.args)}`);
    }
    return { ...received, args: method.args as MethodArguments<N> };
  }

  /** Returns the broker's next channel.close or connection.close in one line; earlier methods are skipped. */
  async refusal(): Promise<string> {
    for (;;) {
      const { method } = await this.next();
      if (method.name !== 'channel.close' && method.name !== 'connection.close') continue;
      const scope = method.name === 'channel.close' ? 'channel' : 'connection';
      const { replyCode, replyText, classId, methodId } = method.args;
      const cause = classId === 0 ? '' : ` by ${methodName(classId, methodId) ?? `${classId}.${methodId}`}`;
      return `${scope} ${replyCode}${cause}: ${replyText}`;
    }
  }

  /** Returns the broker's refusal, or `hung up` when it closes the socket without one. */
  async outcome(): Promise<string> {
    try {
      return await this.refusal();
    } catch (error) {
      if (this.over) return 'hung up';
      throw error;
    }
  }

  /** Resolves with the first bytes. */
  async firstBytes(): Promise<Buffer> {
    this.reader.stop();
    return ((await once(this.socket, 'data')) as [Buffer])[0];
  }

  /** Resolves with all bytes until the broker closes the socket. */
  async bytesToEnd(): Promise<Buffer> {
    this.reader.stop();
    const chunks: Buffer[] = [];
    this.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await this.ended;
    return Buffer.concat(chunks);
  }

  /** Stops reading, as a client that does not keep up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends its side: sends a FIN after the pending bytes. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Treats a larger frame as an error from now on. */
  limitFrames(size: number): void {
    this.reader.frameMax = size;
  }

  private flush(): void {
    const batch = this.writer.take()!;
    // Copies the chunks, so that the writer can reuse its slab; a new slab per method would load the garbage collector.
    for (const chunk of batch.chunks) this.raw(Buffer.from(chunk));
    this.writer.recycle(batch);
  }

  private onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    const method = readMethod(new ByteReader(buffer, start, end));
    if (!('content' in methods[method.name])) {
      return this.push({ channel, method, properties: undefined, body: undefined });
    }
    const assembler = new ContentAssembler((content) => {
      const properties = readProperties(content!.propertiesReader());
      this.push({ channel, method, properties, body: content!.body });
    }, Infinity);
    assembler.begin();
    this.contents.set(channel, { method, assembler });
  }

  private push(received: Received): void {
    this.inbox.push(received);
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** Returns the virtual host of an AMQP URI. */
export function vhostOf(url: string): string {
  const { pathname } = new URL(url);
  return pathname === '' ? '/' : decodeURIComponent(pathname.slice(1));
}

const empty = {
  octet: 0,
  short: 0,
  long: 0,
  longlong: 0,
  shortstr: '',
  longstr: Buffer.alloc(0),
  table: {},
  bit: false,
};

export function emptyArguments<N extends MethodName>(name: N): MethodArguments<N> {
  const kinds = Object.entries(methods[name].args) as [string, keyof typeof empty][];
  return Object.fromEntries(kinds.map(([arg, kind]) => [arg, empty[kind]])) as MethodArguments<N>;
}
