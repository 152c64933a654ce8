import { Duplex } from 'node:stream';
import { ByteReader } from '../../lib/protocol/bytes.js';
import { FrameReader, type FrameHandler } from '../../lib/protocol/frame-reader.js';
import { FrameWriter } from '../../lib/protocol/frame-writer.js';
import { readMethod } from '../../lib/protocol/methods.js';
import { readProperties } from '../../lib/protocol/properties.js';
import { methods } from '../../lib/protocol/spec.js';
import type { MessageProperties, Method, MethodArguments, MethodName } from '../../lib/protocol/types.js';
import { seededRandom } from '../support/random.js';
import type { Books, Unsettled } from './books.js';
import { mutate } from './mutations.js';

/** The last publish, which the broker may return. */
interface Published {
  readonly args: MethodArguments<'basic.publish'>;
  properties: MessageProperties;
  body: Buffer;
}

interface ServerChannel {
  readonly unsettled: Unsettled;
  readonly noAck: Set<string>;
  /** Names of publishes, by their delivery tag. */
  readonly names: Map<number, string>;
  /** Outcomes that the broker has sent for all publishes (tag 0): the client applies them to those on their way, too. */
  readonly outcomesOfAll: Set<'ack' | 'nack'>;
  readonly consumers: string[];
  nextTag: number;
  published: number;
  confirmed: number;
  confirms: boolean;
  last: Published | undefined;
}

/** The client's end of a connection in memory. `ScriptedSession` is the broker's end. */
class ClientSocket extends Duplex {
  constructor(private readonly session: ScriptedSession) {
    super();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The writer uses its buffer again once the write is done.
    this.session.receive(Buffer.from(chunk));
    done();
  }

  override _final(done: () => void): void {
    this.session.hangUp();
    done();
  }
}

/** The behaviour of a scripted broker. */
export interface Behaviour {
  /** The broker keeps answers back until they are released. */
  holding: boolean;
  /** The broker confirms publishes as they come. */
  confirming: boolean;
  /** Seed for a mutation of the next frame; undefined for no mutation. */
  mutation: number | undefined;
  /** The method that the broker answers with channel.close, and how many times. */
  refusing: { readonly method: MethodName; readonly code: number; times: number } | undefined;
  /** The number of connections that the broker refuses next. */
  refusals: number;
  /** Counts writes over the wire. While it stands still, nothing is under way. */
  activity: number;
  /** The size of the socket's reads, in bytes. */
  readonly piece: number;
  tune: MethodArguments<'connection.tune'>;
}

/** The broker's end of one connection. It answers methods, and sends other methods when its owner tells it to. */
export class ScriptedSession implements FrameHandler {
  readonly socket: Duplex = new ClientSocket(this);
  readonly channels = new Map<number, ServerChannel>();
  private readonly reader = new FrameReader(this);
  private readonly writer = new FrameWriter(() => undefined);
  private headerMissing = 8;
  private outbox: Buffer[] = [];
  private held: Buffer[] = [];
  private planned = false;
  private ended = false;
  /** `no-ack` of the basic.get that is being answered. */
  private gettingNoAck = false;
  private publishing: { channel: number; missing: number; message: Published } | undefined;

  constructor(
    private readonly behaviour: Behaviour,
    private readonly books: Books,
  ) {
    this.reader.frameMax = this.writer.frameMax = 0x7fff_ffff;
  }

  get alive(): boolean {
    return !this.ended && !this.socket.destroyed;
  }

  receive(chunk: Buffer): void {
    this.behaviour.activity++;
    const header = Math.min(this.headerMissing, chunk.length);
    this.headerMissing -= header;
    if (header > 0 && this.headerMissing === 0) this.greet();
    if (header < chunk.length) this.reader.push(chunk.subarray(header));
  }

  say<N extends MethodName>(channel: number, name: N, args: MethodArguments<N>): void {
    if (name === 'basic.ack' || name === 'basic.nack') {
      this.noteConfirm(channel, name, args as MethodArguments<'basic.ack'>);
    }
    this.writer.method(channel, name, args);
    this.speak();
  }

  sayContent<N extends MethodName>(
    channel: number,
    name: N,
    args: MethodArguments<N>,
    properties: MessageProperties,
    body: Uint8Array,
  ): void {
    this.writer.content(channel, name, this.named(channel, name, args, properties), properties, body);
    this.speak();
  }

  /** Gives a delivery a name, as its routing key. Notes a return under the name of its publish. */
  private named<N extends MethodName>(
    id: number,
    name: N,
    args: MethodArguments<N>,
    { correlationId }: MessageProperties,
  ): MethodArguments<N> {
    if (name === 'basic.return' && correlationId !== undefined) this.books.confirmed(correlationId, 'return');
    if (name !== 'basic.deliver' && name !== 'basic.getOk') return args;
    const { deliveryTag, consumerTag } = args as Partial<MethodArguments<'basic.deliver'>>;
    const channel = this.channels.get(id);
    const routingKey = this.books.newName('d');
    const automatic = name === 'basic.getOk' ? this.gettingNoAck : channel?.noAck.has(consumerTag!) === true;
    if (channel && !automatic) this.books.delivered(routingKey, deliveryTag!, channel.unsettled);
    return { ...args, routingKey };
  }

  private noteConfirm(
    id: number,
    name: 'basic.ack' | 'basic.nack',
    { deliveryTag, multiple }: { deliveryTag: number; multiple: boolean },
  ): void {
    const channel = this.channels.get(id);
    const outcome = name === 'basic.ack' ? 'ack' : 'nack';
    const all = multiple && deliveryTag === 0;
    for (const [tag, publish] of channel?.names ?? []) {
      if (all || tag === deliveryTag || (multiple && tag < deliveryTag)) this.books.confirmed(publish, outcome);
    }
    if (all) channel?.outcomesOfAll.add(outcome);
  }

  /** Sends frames out of order, or bytes that are no AMQP. */
  junk(bytes: Buffer): void {
    this.books.tainted = true;
    this.raw(bytes);
  }

  raw(bytes: Buffer): void {
    this.outbox.push(bytes);
    this.plan();
  }

  /** Sends a heartbeat. */
  beat(): void {
    this.writer.heartbeat();
    this.speak();
  }

  /** Sends the answers that were kept back. */
  release(): void {
    this.outbox.push(...this.held.splice(0));
    this.plan();
  }

  drop(): void {
    this.held = [];
  }

  hangUp(): void {
    if (this.ended) return;
    this.flush();
    this.ended = true;
    this.socket.push(null);
  }

  /** Ends the connection as a RST does. */
  cut(): void {
    this.ended = true;
    this.socket.destroy(new Error('ECONNRESET'));
  }

  onMethod(channel: number, buffer: Buffer, start: number, end: number): void {
    const method = readMethod(new ByteReader(buffer, start, end));
    this.note(channel, method);
    const reply = this.replyTo(channel, method);
    if (reply) reply();
  }

  onHeader(_channel: number, buffer: Buffer, start: number, end: number): void {
    if (!this.publishing) return;
    this.publishing.missing = Number(buffer.readBigUInt64BE(start + 4));
    this.publishing.message.properties = readProperties(new ByteReader(buffer, start + 12, end));
    if (this.publishing.missing === 0) this.published();
  }

  onBody(_channel: number, buffer: Buffer, start: number, end: number): void {
    if (!this.publishing) return;
    const { message } = this.publishing;
    message.body = Buffer.concat([message.body, buffer.subarray(start, end)]);
    if ((this.publishing.missing -= end - start) === 0) this.published();
  }

  onHeartbeat(): void {}

  private published(): void {
    const { channel: id, message } = this.publishing!;
    this.publishing = undefined;
    const channel = this.channels.get(id);
    if (!channel) return;
    channel.last = message;
    channel.published++;
    const { correlationId } = message.properties;
    if (correlationId !== undefined) {
      channel.names.set(channel.published, correlationId);
      for (const outcome of channel.outcomesOfAll) this.books.confirmed(correlationId, outcome);
    }
    if (!channel.confirms || !this.behaviour.confirming) return;
    channel.confirmed = channel.published;
    this.say(id, 'basic.ack', {
      deliveryTag: channel.published,
      multiple: true,
    });
  }

  private note(id: number, { name, args }: Method): void {
    if (name === 'channel.open') {
      const fresh = {
        consumers: [],
        unsettled: new Map(),
        noAck: new Set<string>(),
        names: new Map(),
        outcomesOfAll: new Set<'ack' | 'nack'>(),
        nextTag: 1,
        published: 0,
        confirmed: 0,
        confirms: false,
        last: undefined,
      };
      this.channels.set(id, fresh);
    }
    const channel = this.channels.get(id);
    if (name === 'channel.close' || name === 'channel.closeOk') this.channels.delete(id);
    if (name === 'confirm.select' && channel) {
      channel.confirms = true;
      // Publishes count from here on.
      channel.published = channel.confirmed = 0;
      channel.names.clear();
    }
    if (name === 'basic.ack') this.noteSettled(channel, 'ack', args.deliveryTag, args.multiple);
    if (name === 'basic.nack') this.noteSettled(channel, args.requeue ? 'requeue' : 'reject', args.deliveryTag, args.multiple); // prettier-ignore
    if (name === 'basic.reject')
      this.noteSettled(channel, args.requeue ? 'requeue' : 'reject', args.deliveryTag, false);
    if (name === 'basic.recover') channel?.unsettled.clear();
    if (name === 'basic.cancel') channel?.consumers.splice(channel.consumers.indexOf(args.consumerTag) >>> 0, 1);
    if (name === 'basic.publish')
      this.publishing = {
        channel: id,
        missing: 0,
        message: { args, properties: {}, body: Buffer.alloc(0) },
      };
  }

  private noteSettled(
    channel: ServerChannel | undefined,
    outcome: 'ack' | 'requeue' | 'reject',
    tag: number,
    multiple: boolean,
  ): void {
    if (channel) this.books.settled(outcome, tag, multiple, channel.unsettled);
  }

  private replyTo(id: number, method: Method): (() => void) | undefined {
    const { name, args } = method;
    const channel = this.channels.get(id);
    const { refusing } = this.behaviour;
    if (refusing?.method === name && refusing.times-- > 0) return () => this.refuse(id, method, refusing.code);
    switch (name) {
      case 'connection.startOk':
        return () => this.say(0, 'connection.tune', this.behaviour.tune);
      case 'connection.open':
        return () => this.say(0, 'connection.openOk', {});
      case 'connection.close':
        return () => {
          this.say(0, 'connection.closeOk', {});
          this.hangUp();
        };
      case 'queue.declare':
        return () =>
          this.say(id, 'queue.declareOk', {
            queue: args.queue || 'amq.gen',
            messageCount: 0,
            consumerCount: 0,
          });
      case 'queue.purge':
        return () => this.say(id, 'queue.purgeOk', { messageCount: 1 });
      case 'queue.delete':
        return () => this.say(id, 'queue.deleteOk', { messageCount: 1 });
      case 'basic.consume': {
        const consumerTag = args.consumerTag || `tag-${id}-${channel?.consumers.length}`;
        channel?.consumers.push(consumerTag);
        if (args.noAck) channel?.noAck.add(consumerTag);
        else channel?.noAck.delete(consumerTag);
        return () => this.say(id, 'basic.consumeOk', { consumerTag });
      }
      case 'basic.cancel':
        return () => this.say(id, 'basic.cancelOk', { consumerTag: args.consumerTag });
      case 'basic.get':
        return () => {
          this.gettingNoAck = args.noAck;
          if (!channel || args.queue === 'empty') return this.say(id, 'basic.getEmpty', {});
          const got = {
            deliveryTag: channel.nextTag++,
            redelivered: false,
            exchange: '',
            routingKey: 'k',
          };
          this.sayContent(id, 'basic.getOk', { ...got, messageCount: 0 }, {}, Buffer.from('got'));
        };
      case 'channel.flow':
        return () => this.say(id, 'channel.flowOk', args);
      default: {
        const spec = methods[name];
        const [reply] = 'reply' in spec ? spec.reply : [];
        return reply === undefined ? undefined : () => this.say<MethodName>(id, reply, {} as never);
      }
    }
  }

  private refuse(id: number, { name }: Method, replyCode: number): void {
    const [classId, methodId] = methods[name].id;
    this.channels.delete(id);
    this.say(id, 'channel.close', {
      replyCode,
      replyText: 'refused',
      classId,
      methodId,
    });
  }

  private greet(): void {
    this.say(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: { product: 'fuzz' },
      mechanisms: Buffer.from('PLAIN AMQPLAIN'),
      locales: Buffer.from('en_US'),
    });
  }

  private speak(): void {
    let bytes = Buffer.concat(this.writer.take()?.chunks ?? []);
    const { mutation } = this.behaviour;
    if (mutation !== undefined) {
      this.behaviour.mutation = undefined;
      this.books.tainted = true;
      bytes = Buffer.from(mutate([bytes], seededRandom(mutation)));
    }
    if (this.behaviour.holding) this.held.push(bytes);
    else this.raw(bytes);
  }

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.planned = false;
    this.behaviour.activity++;
    const bytes = Buffer.concat(this.outbox.splice(0));
    for (let at = 0; at < bytes.length; at += this.behaviour.piece) {
      // The client may have ended the connection because of the previous piece.
      if (this.alive) this.socket.push(Buffer.from(bytes.subarray(at, at + this.behaviour.piece)));
    }
  }
}
