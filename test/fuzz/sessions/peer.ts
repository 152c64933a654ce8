import { ByteWriter } from '../../../lib/protocol/bytes.js';
import { writeProperties } from '../../../lib/protocol/properties.js';
import { BASIC_CLASS, FrameType } from '../../../lib/protocol/spec.js';
import type { MessageProperties, Method, MethodArguments, MethodName } from '../../../lib/protocol/types.js';
import { emptyArguments, type RawClient, type Received } from '../../conformance/support/raw-client.js';
import type { ChannelReference, Expected } from './reference-channel.js';
import type { ClientFrame, ConnectionReference } from './reference-connection.js';

/** One client of a session. It passes the frames that it sends to the reference, too, and compares the answers with it. */
export class Peer {
  /** The client has sent frames, and their effects are not checked yet. */
  dirty = false;
  /** The client's socket was cut, and the broker may not know yet. */
  isCut = false;
  /** The end of the connection has come, and the last frames of its channels may come before it, behind it, or not at all. */
  private isEnding = false;

  constructor(
    private readonly raw: RawClient,
    readonly reference: ConnectionReference,
    private readonly complain: (what: string) => void,
    /** The broker's channels run in parallel: when a connection ends, their last frames may be missing. */
    private readonly concurrent: boolean,
  ) {}

  /** The connection is closing or closed. */
  get isOver(): boolean {
    return this.reference.state !== 'open';
  }

  get isLeavingChannels(): boolean {
    return [...this.reference.channels.values()].some(({ state }) => state === 'leaving');
  }

  channel(id: number): ChannelReference | undefined {
    return this.reference.channels.get(id);
  }

  // Frames to the broker.

  method<N extends MethodName>(channel: number, name: N, wanted: Partial<MethodArguments<N>> = {}): void {
    const args = owned(name, wanted);
    const method = { name, args: { ...emptyArguments(name), ...args } } as unknown as Method;
    // RabbitMQ resolves an empty queue name before it looks for the channel.
    const shortcut = name !== 'queue.declare' && (method.args as { queue?: string }).queue === '';
    if (shortcut && channel !== 0 && !this.channel(channel)) return;
    if (this.channel(channel)?.foresees(method) === false) return;
    this.tell({ kind: 'method', channel, method });
    this.raw.send(channel, name, args);
  }

  /** @param bodySize the size in the header, which may be wrong */
  header(
    channel: number,
    name: string,
    bodySize: number,
    properties: MessageProperties = {},
    classId = BASIC_CLASS,
  ): void {
    const all = { ...properties, messageId: name };
    this.tell({ kind: 'header', channel, classId, bodySize, properties: all, name });
    const writer = new ByteWriter();
    writer.short(classId);
    writer.short(0);
    writer.longlong(bodySize);
    writeProperties(writer, all);
    this.raw.frame(FrameType.header, channel, writer.view());
  }

  body(channel: number, size: number): void {
    this.tell({ kind: 'body', channel, size });
    this.raw.frame(FrameType.body, channel, Buffer.alloc(size, 'x'));
  }

  /** Sends a frame by hand. @param kind the broker's view of the frame */
  frame(
    kind: Exclude<ClientFrame['kind'], 'method' | 'header' | 'body'>,
    type: number,
    channel: number,
    payload: Uint8Array,
    end?: number,
  ): void {
    // prettier-ignore
    this.tell({ kind, channel });
    this.raw.frame(type, channel, payload, end);
  }

  /** Cuts the socket. */
  cut(): void {
    this.dirty = this.isCut = true;
    this.raw.destroy();
    this.reference.over();
  }

  // Frames from the broker.

  /** Checks the frames that have come. */
  receive(): void {
    for (const received of this.raw.take()) {
      const { method, channel } = received;
      if (!method || method.name === 'connection.blocked' || method.name === 'connection.unblocked') continue;
      const problem = this.onReceived(received, method);
      if (problem !== undefined) this.complain(`channel ${channel}: ${problem}`);
    }
  }

  /** The broker still has to send a frame. */
  get awaits(): boolean {
    const { expected, state, speakers, mayHangUp } = this.reference;
    if (state === 'over') return false;
    if (mayHangUp && this.raw.closed) return false;
    if (expected.length > 0) return true;
    return speakers.some(([, channel]) => {
      const late =
        channel.state === 'open' &&
        (channel.returns.length > 0 || channel.deliveries.cancels.size > 0 || channel.unconfirmed.size > 0);
      return channel.expected.length > 0 || late;
    });
  }

  /** Complains about frames that have not come. */
  audit(): void {
    if (!this.awaits) return;
    const { expected, speakers } = this.reference;
    for (const [id, due] of [
      [0, expected] as const,
      ...speakers.map(([id, channel]) => [id, channel.expected] as const),
    ]) {
      for (const { names, codes } of due)
        this.complain(`channel ${id}: ${names.join(' or ')}${codes ? ` ${codes.join()}` : ''} has not come`);
    }
    for (const [id, { returns, unconfirmed, state, deliveries }] of speakers) {
      if (state !== 'open') continue;
      if (returns.length > 0) this.complain(`channel ${id}: not returned: ${returns.join()}`);
      const cancels = [...deliveries.cancels].join();
      if (cancels !== '') this.complain(`channel ${id}: no basic.cancel for ${cancels}`);
      if (unconfirmed.size > 0) this.complain(`channel ${id}: not confirmed: ${[...unconfirmed].join()}`);
    }
  }

  /** Sends close-ok for each close of the broker. */
  answerCloses(): void {
    const { reference } = this;
    for (const [id, channel] of [...reference.channels]) {
      if (channel.state === 'closing' && reference.state === 'open') this.method(id, 'channel.closeOk');
    }
    if (reference.state === 'closing') this.method(0, 'connection.closeOk');
    if (reference.state === 'leaving') reference.over();
  }

  /** Ends the client's side. The broker has to end its side, too. */
  end(): void {
    this.raw.end();
  }

  get closed(): boolean {
    return this.raw.closed;
  }

  private tell(frame: ClientFrame): void {
    this.dirty = true;
    this.reference.onFrame(frame);
  }

  private onReceived({ channel: id, properties, body }: Received, method: Method): string | undefined {
    const { reference } = this;
    const name = properties?.messageId ?? '';
    if (id === 0) {
      const ends = method.name === 'connection.close' || method.name === 'connection.closeOk';
      if (ends && this.concurrent) {
        this.isEnding = true;
        for (const [, { expected }] of reference.speakers) expected.length = 0;
      }
      return matches(reference.expected.shift(), method);
    }
    if (this.isEnding) return undefined;
    const channel = reference.speaker(id);
    if (!channel) return `${method.name} came on a channel that is not open`;
    if (body && body.length !== sizeIn(name)) return `message '${name}' has a body of ${body.length} bytes`;
    switch (method.name) {
      case 'basic.deliver':
        return channel.deliveries.onDeliver(method.args, name);
      case 'basic.ack':
      case 'basic.nack':
        return channel.onConfirm(method.args.deliveryTag, method.args.multiple);
      case 'basic.cancel':
        return channel.deliveries.cancels.delete(method.args.consumerTag) || channel.state !== 'open'
          ? undefined
          : `basic.cancel for '${method.args.consumerTag}', whose queue is there`;
      case 'basic.return': {
        const due = channel.returns.shift();
        return due === name || channel.state !== 'open'
          ? undefined
          : `message '${name}' was returned, where ${due ?? 'none'} was due`;
      }
      default: {
        const expected = channel.expected.shift();
        const problem = matches(expected, method);
        if (problem !== undefined) return problem;
        if (method.name === 'basic.consumeOk') return channel.deliveries.onConsuming(method.args.consumerTag);
        if (method.name === 'basic.getOk') {
          const { deliveryTag, redelivered } = method.args;
          return channel.deliveries.deliver(
            expected!.queue!,
            { deliveryTag, redelivered, noAck: expected!.noAck! },
            name,
          );
        }
        if (method.name === 'channel.closeOk' && channel.state === 'leaving') reference.onChannelGone(id);
        return undefined;
      }
    }
  }
}

/** Makes a queue that the broker names exclusive, so that it is deleted with its connection: its name is not known. */
function owned<N extends MethodName>(name: N, args: Partial<MethodArguments<N>>): Partial<MethodArguments<N>> {
  const { queue = '', passive } = args as Partial<MethodArguments<'queue.declare'>>;
  return name === 'queue.declare' && queue === '' && !passive ? { ...args, exclusive: true } : args;
}

/** Returns the name of a message. It contains the size of the body. */
export function nameOfSize(number: number, size: number): string {
  return `m${number}.${size}`;
}

function sizeIn(name: string): number {
  return Number(name.split('.')[1] ?? -1);
}

function matches(expected: Expected | undefined, method: Method): string | undefined {
  const said = `${method.name} ${JSON.stringify(method.args)}`;
  if (!expected) return `${said} came, and nothing was due`;
  const { names, codes } = expected;
  const due = `${names.join(' or ')}${codes ? ` ${codes.join(' or ')}` : ''}`;
  if (!names.includes(method.name)) return `${said} came, where ${due} was due`;
  const args = method.args as Partial<Record<'replyCode' | 'messageCount' | 'consumerCount', number>>;
  if (codes && !codes.includes(args.replyCode!)) return `${said} came, where ${due} was due`;
  for (const count of ['messageCount', 'consumerCount'] as const) {
    if (expected[count] !== undefined && args[count] !== expected[count])
      return `${said} came, where ${count} is ${expected[count]}`;
  }
  return undefined;
}
