import { methods } from '../../../lib/protocol/spec.js';
import type { MessageProperties, Method, MethodArguments } from '../../../lib/protocol/types.js';
import { ChannelReference, type Expected } from './reference-channel.js';
import type { ChannelOwner } from './reference-deliveries.js';
import { Refusal, type VhostReference } from './reference-vhost.js';

/** The meaning of a frame that a client sends. */
export type ClientFrame =
  | { readonly kind: 'method'; readonly channel: number; readonly method: Method }
  | { readonly kind: 'header'; readonly channel: number; readonly classId: number; readonly bodySize: number; readonly properties: MessageProperties; readonly name: string }
  | { readonly kind: 'body'; readonly channel: number; readonly size: number }
  | { readonly kind: 'heartbeat'; readonly channel: number }
  /** A method with an unknown class or number. */
  | { readonly kind: 'unknown method'; readonly channel: number }
  /** A method or header that ends too early; a frame of no known type, with a wrong end, or larger than agreed. */
  | { readonly kind: 'malformed'; readonly channel: number }; // prettier-ignore

/** The state of a channel in the middle of a publish. */
interface Content {
  readonly args: MethodArguments<'basic.publish'>;
  header: { readonly name: string; readonly properties: MessageProperties } | undefined;
  left: number;
}

/** The frames that RabbitMQ 3.10 has to send on one open connection. */
export class ConnectionReference implements ChannelOwner {
  /** `closing`: the broker has closed it and waits for close-ok. `leaving`: the client has. */
  state: 'open' | 'closing' | 'leaving' | 'over' = 'open';
  /** Answers on channel 0, in order. */
  readonly expected: Expected[] = [];
  readonly channels = new Map<number, ChannelReference>();
  /** The broker may hang up instead of sending connection.close, after an unknown method. */
  mayHangUp = false;
  private readonly contents = new Map<number, Content>();
  /** Channels with answers that are still to come after the client's close-ok; by number, oldest first. */
  private readonly ended = new Map<number, ChannelReference[]>();

  constructor(
    readonly vhost: VhostReference,
    readonly cancelNotify: boolean,
    private readonly nameQueue: () => string,
  ) {}

  channel(id: number): ChannelReference | undefined {
    return this.channels.get(id);
  }

  /** Returns the channel of the broker's next frame with this number. */
  speaker(id: number): ChannelReference | undefined {
    const ended = this.ended.get(id);
    while (ended && ended.length > 0 && ended[0]!.expected.length === 0) ended.shift();
    return ended?.[0] ?? this.channels.get(id);
  }

  /** All channels on which a frame may be due, with their numbers. */
  get speakers(): (readonly [id: number, channel: ChannelReference])[] {
    const ended = [...this.ended].flatMap(([id, channels]) => channels.map((channel) => [id, channel] as const));
    return [...ended, ...this.channels];
  }

  onFrame(frame: ClientFrame): void {
    if (this.state === 'leaving' || this.state === 'over') return;
    if (this.state === 'closing') {
      if (frame.kind !== 'method' || frame.channel !== 0) return;
      if (frame.method.name === 'connection.closeOk') this.over();
      if (frame.method.name === 'connection.close') this.leave();
      return;
    }
    const channel = frame.channel === 0 ? undefined : this.channels.get(frame.channel);
    try {
      if (frame.channel === 0) this.onControl(frame);
      else if (channel && channel.state !== 'open') this.onClosing(frame, channel);
      else this.onChannel(frame, channel);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { codes } = error;
      if (error.scope === 'connection') this.refuse(codes);
      else {
        this.contents.delete(frame.channel);
        channel!.close('closing');
        channel!.expected.push({ names: ['channel.close'], codes });
      }
    }
  }

  /** The client has sent close-ok for a channel, or received it. */
  onChannelGone(id: number): void {
    const channel = this.channels.get(id);
    if (channel && channel.expected.length > 0) this.ended.set(id, [...(this.ended.get(id) ?? []), channel]);
    this.channels.delete(id);
    this.contents.delete(id);
  }

  /** The socket is gone. */
  over(): void {
    if (this.state === 'over') return;
    this.release();
    this.state = 'over';
  }

  private refuse(codes: readonly number[]): void {
    this.release();
    this.state = 'closing';
    this.expected.push({ names: ['connection.close'], codes });
  }

  private leave(): void {
    this.release();
    this.state = 'leaving';
    this.expected.push({ names: ['connection.closeOk'] });
  }

  private release(): void {
    for (const channel of this.channels.values()) channel.close('leaving');
    this.contents.clear();
    this.vhost.removeOwned(this);
  }

  private onControl(frame: ClientFrame): void {
    switch (frame.kind) {
      case 'heartbeat':
        return;
      case 'malformed':
        throw new Refusal('FRAME_ERROR', 'SYNTAX_ERROR', 'UNEXPECTED_FRAME', 'COMMAND_INVALID');
      case 'unknown method':
        this.mayHangUp = true;
        throw new Refusal('COMMAND_INVALID');
      case 'header':
      case 'body':
        throw new Refusal('UNEXPECTED_FRAME', 'CHANNEL_ERROR', 'COMMAND_INVALID');
      case 'method':
        switch (frame.method.name) {
          case 'connection.close':
            return this.leave();
          case 'connection.updateSecret':
            return void this.expected.push({ names: ['connection.updateSecretOk'] });
          default:
            throw new Refusal('CHANNEL_ERROR', 'COMMAND_INVALID');
        }
    }
  }

  /** Handles a frame on a channel that the broker has closed: only methods that end the channel and malformed frames count. */
  private onClosing(frame: ClientFrame, channel: ChannelReference): void {
    if (['unknown method', 'malformed', 'heartbeat'].includes(frame.kind)) return this.onOpen(frame);
    if (frame.kind !== 'method' || channel.state !== 'closing') return;
    if (frame.method.name === 'channel.open') throw new Refusal('CHANNEL_ERROR');
    if (frame.method.name === 'channel.close') channel.expected.push({ names: ['channel.closeOk'] });
    if (frame.method.name === 'channel.closeOk') this.onChannelGone(frame.channel);
  }

  private onChannel(frame: ClientFrame, channel: ChannelReference | undefined): void {
    if (channel) return this.onOpen(frame, channel);
    if (frame.kind !== 'method') return this.onOpen(frame);
    // RabbitMQ checks the order of a publish's frames first.
    if (frame.method.name === 'basic.publish') throw new Refusal('CHANNEL_ERROR', 'UNEXPECTED_FRAME');
    if (frame.method.name !== 'channel.open') throw new Refusal('CHANNEL_ERROR');
    const opened = new ChannelReference(this, this.nameQueue);
    opened.expected.push({ names: ['channel.openOk'] });
    this.channels.set(frame.channel, opened);
  }

  private onOpen(frame: ClientFrame, channel?: ChannelReference): void {
    const content = this.contents.get(frame.channel);
    switch (frame.kind) {
      case 'heartbeat':
        throw new Refusal('UNEXPECTED_FRAME', 'FRAME_ERROR');
      case 'malformed':
        throw new Refusal('FRAME_ERROR', 'SYNTAX_ERROR', 'UNEXPECTED_FRAME', 'COMMAND_INVALID');
      case 'unknown method':
        this.mayHangUp = true;
        throw new Refusal('COMMAND_INVALID', 'UNEXPECTED_FRAME');
      case 'method':
        if (content) throw new Refusal('UNEXPECTED_FRAME');
        if (frame.method.name === 'basic.publish') {
          this.contents.set(frame.channel, { args: frame.method.args, header: undefined, left: 0 });
          return;
        }
        if ('content' in methods[frame.method.name]) throw new Refusal('COMMAND_INVALID', 'UNEXPECTED_FRAME');
        if (frame.method.name === 'channel.close') {
          channel!.close('leaving');
          channel!.expected.push({ names: ['channel.closeOk'] });
          return;
        }
        return channel!.onMethod(frame.method);
      case 'header':
        // Without a channel, RabbitMQ reports a frame out of order, and other brokers report the missing channel.
        if (!channel) throw new Refusal('UNEXPECTED_FRAME', 'CHANNEL_ERROR');
        if (!content || content.header || frame.classId !== 60) throw new Refusal('UNEXPECTED_FRAME');
        content.header = frame;
        content.left = frame.bodySize;
        break;
      case 'body':
        if (!channel) throw new Refusal('UNEXPECTED_FRAME', 'CHANNEL_ERROR');
        if (!content?.header) throw new Refusal('UNEXPECTED_FRAME');
        content.left -= frame.size;
        if (content.left < 0) throw new Refusal('FRAME_ERROR');
    }
    if (!content?.header || content.left > 0) return;
    this.contents.delete(frame.channel);
    channel!.onPublish({ ...content.header, args: content.args });
  }
}
