import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ByteReader } from '../../../lib/protocol/bytes.js';
import type { FieldTable } from '../../../lib/protocol/field-table.js';
import { FrameReader } from '../../../lib/protocol/frame-reader.js';
import { FrameWriter } from '../../../lib/protocol/frame-writer.js';
import { readMethod } from '../../../lib/protocol/methods.js';
import type { MessageProperties, Method, MethodArguments, MethodName } from '../../../lib/protocol/types.js';

/** Milliseconds that a script waits for the client's next frame. */
const PATIENCE = 10_000;

/** A frame of the client, with a decoded method or the bytes of a content. */
export type ClientFrame =
  | { readonly kind: 'method'; readonly channel: number; readonly method: Method }
  | { readonly kind: 'header' | 'body'; readonly channel: number; readonly payload: Buffer }
  | { readonly kind: 'heartbeat' };

export interface Greeting {
  readonly mechanisms?: string;
  readonly serverProperties?: FieldTable;
  readonly frameMax?: number;
  readonly channelMax?: number;
  readonly heartbeat?: number;
}

/** The server's end of one connection. It sends only what the script says. */
export class Peer {
  #chunks: Buffer[] = [];
  #headerMissing = 8;
  readonly frames: ClientFrame[] = [];
  readonly closed: Promise<unknown>;
  #taken = 0;
  #isClosed = false;
  #wake: (() => void)[] = [];
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter(() => undefined);

  constructor(readonly socket: Socket) {
    this.#reader = new FrameReader({
      onMethod: (channel, buffer, start, end) =>
        this.#push({ kind: 'method', channel, method: readMethod(new ByteReader(buffer, start, end)) }),
      onHeader: (channel, buffer, start, end) =>
        this.#push({ kind: 'header', channel, payload: Buffer.from(buffer.subarray(start, end)) }),
      onBody: (channel, buffer, start, end) =>
        this.#push({ kind: 'body', channel, payload: Buffer.from(buffer.subarray(start, end)) }),
      onHeartbeat: () => this.#push({ kind: 'heartbeat' }),
    });
    this.#reader.frameMax = this.#writer.frameMax = 64 * 1024 * 1024;
    socket.setNoDelay(true).on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    void this.closed.then(() => {
      this.#isClosed = true;
      this.#notify();
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** All bytes of the client. */
  get bytes(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  /** Sends bytes unchanged. */
  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  send<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void {
    this.raw(encodeMethod(channel, name, args));
  }

  content<N extends MethodName>(
    channel: number,
    name: N,
    args: MethodArguments<N>,
    properties: MessageProperties,
    body: Uint8Array,
  ): void {
    this.#writer.content(channel, name, args, properties, body);
    this.raw(Buffer.concat(this.#writer.take()!.chunks));
  }

  /** Resolves with the next method of this name; earlier frames are skipped. @throws Error when it does not arrive */
  async expect<N extends MethodName>(name: N): Promise<{ channel: number; args: MethodArguments<N> }> {
    const found = await this.next((frame) => frame.kind === 'method' && frame.method.name === name, name);
    const { channel, method } = found as Extract<ClientFrame, { kind: 'method' }>;
    return { channel, args: method.args as MethodArguments<N> };
  }

  /** Resolves with the next frame that fits; earlier frames are skipped. @throws Error when it does not arrive */
  async next(fits: (frame: ClientFrame) => boolean, what = 'frame'): Promise<ClientFrame> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      while (this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken++]!;
        if (fits(frame)) return frame;
      }
      const left = deadline - Date.now();
      if (this.#isClosed || left <= 0) {
        const names = this.frames.map((frame) => (frame.kind === 'method' ? frame.method.name : frame.kind));
        throw new Error(`the client never sent ${what}, but ${names.join(', ') || 'nothing'}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  /** Resolves with the client's protocol header. */
  async header(): Promise<Buffer> {
    while (this.bytes.length < 8) await once(this.socket, 'data');
    return this.bytes.subarray(0, 8);
  }

  /** Sends connection.start. */
  start(greeting: Greeting = {}): void {
    this.send(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: greeting.serverProperties ?? { product: 'script' },
      mechanisms: Buffer.from(greeting.mechanisms ?? 'PLAIN AMQPLAIN'),
      locales: Buffer.from('en_US'),
    });
  }

  /** Runs the handshake up to, and without, tune; accepts any login. */
  async greet(greeting: Greeting = {}): Promise<MethodArguments<'connection.startOk'>> {
    await this.header();
    this.start(greeting);
    return (await this.expect('connection.startOk')).args;
  }

  tune({ frameMax = 131_072, channelMax = 2_047, heartbeat = 0 }: Greeting = {}): void {
    this.send(0, 'connection.tune', { frameMax, channelMax, heartbeat });
  }

  /** Runs the complete handshake. */
  async handshake(greeting: Greeting = {}): Promise<void> {
    await this.greet(greeting);
    this.tune(greeting);
    await this.expect('connection.open');
    this.send(0, 'connection.openOk', {});
  }

  /** Answers the next channel.open; resolves with its channel. */
  async acceptChannel(): Promise<number> {
    const { channel } = await this.expect('channel.open');
    this.send(channel, 'channel.openOk', {});
    return channel;
  }

  /** Answers the next basic.consume, with this tag. */
  async acceptConsumer(consumerTag = 'tag'): Promise<number> {
    const { channel } = await this.expect('basic.consume');
    this.send(channel, 'basic.consumeOk', { consumerTag });
    return channel;
  }

  /** Answers the methods of an orderly close until the client has gone. */
  async sayGoodbye(): Promise<void> {
    this.agreeToClose();
    await this.closed;
  }

  /** Answers the methods of an orderly close from now on, so that the client's `close()` is quick. */
  agreeToClose(): void {
    const waiting = this.frames.slice(this.#taken);
    this.#onMethod = (channel, { name, args }) => {
      if (name === 'channel.close') this.send(channel, 'channel.closeOk', {});
      if (name === 'basic.cancel') this.send(channel, 'basic.cancelOk', { consumerTag: args.consumerTag });
      if (name !== 'connection.close') return;
      this.send(0, 'connection.closeOk', {});
      this.socket.end();
    };
    for (const frame of waiting) if (frame.kind === 'method') this.#onMethod(frame.channel, frame.method);
  }

  #onMethod: (channel: number, method: Method) => void = () => undefined;

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    const header = Math.min(this.#headerMissing, chunk.length);
    this.#headerMissing -= header;
    if (header < chunk.length) this.#reader.push(chunk.subarray(header));
  }

  #push(frame: ClientFrame): void {
    this.frames.push(frame);
    if (frame.kind === 'method') this.#onMethod(frame.channel, frame.method);
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

export function encodeMethod<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): Buffer {
  const writer = new FrameWriter(() => undefined);
  writer.frameMax = 64 * 1024 * 1024;
  writer.method(channel, name, args);
  return Buffer.concat(writer.take()!.chunks);
}

/** Builds a frame from its parts, valid or invalid. */
export function frame(type: number, channel: number, payload: Uint8Array, end = 0xce): Buffer {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(end)]);
}

/** A TCP server on 127.0.0.1 that sends what a test tells it to, for behaviour that no real broker has. */
export class ScriptedServer {
  readonly peers: Peer[] = [];
  /** The errors that scripts have thrown; a passing test has none. */
  readonly failures: unknown[] = [];

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  get url(): string {
    return `amqp://127.0.0.1:${this.port}`;
  }

  static async start(script: (peer: Peer, index: number) => unknown, host = '127.0.0.1'): Promise<ScriptedServer> {
    const server = createServer();
    await once(server.listen(0, host), 'listening');
    const scripted = new ScriptedServer(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => {
      const peer = new Peer(socket);
      const index = scripted.peers.push(peer) - 1;
      Promise.resolve(script(peer, index)).catch((error: unknown) => scripted.failures.push(error));
    });
    return scripted;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const { socket } of this.peers) socket.destroy();
    await closed;
    // A script that still waits for its client fails now.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
