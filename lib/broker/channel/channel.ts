import { BASIC_CLASS } from '../../protocol/spec.js';
import { ByteReader } from '../../protocol/bytes.js';
import { ContentAssembler } from '../../protocol/content.js';
import { WireError } from '../../protocol/errors.js';
import { readMethod } from '../../protocol/methods.js';
import type { Method, MethodArguments } from '../../protocol/types.js';
import type { Work } from '../control/turns.js';
import type { ChannelHost } from './channel-host.js';
import type { Consumer } from '../queue/consumer.js';
import { Consuming } from './consuming.js';
import { BrokerError, notImplemented } from '../errors.js';
import { Publishing } from './publishing.js';
import { TopologyMethods } from './topology-methods.js';
import { Transaction } from './transaction.js';

/** The receiver of a channel's events that concern its connection. */
export interface ChannelOwner {
  /** A method has failed, so its channel or the connection has to be closed. */
  onError(channel: Channel, error: BrokerError, method: Method['name'] | undefined): void;
  /** The channel is closed: the client has closed it, or has answered the broker's close. */
  onClosed(channel: Channel): void;
}

/**
 * The broker's end of a channel. It joins methods with their content and passes them to the part that carries them out.
 *
 *     open ──(error: channel.close sent)──▶ closing ──(close-ok)──▶ gone
 *       └──────────(channel.close came)──────────────────────────────▲
 */
export class Channel {
  readonly consuming: Consuming;
  private readonly publishing: Publishing;
  private readonly topology: TopologyMethods;
  private readonly transaction = new Transaction();
  private readonly content: ContentAssembler;
  private readonly reader = new ByteReader(Buffer.alloc(0));
  private publish: MethodArguments<'basic.publish'> | undefined;
  private awaited: 'method' | 'header' | 'body' = 'method';
  private state: 'open' | 'closing' | 'gone' = 'open';

  constructor(
    private readonly host: ChannelHost,
    private readonly owner: ChannelOwner,
  ) {
    this.consuming = new Consuming(host, this.transaction);
    this.publishing = new Publishing(host, this.transaction, () => this.consuming.replyAddress);
    this.topology = new TopologyMethods(host);
    this.content = new ContentAssembler((content, size) => {
      this.awaited = 'method';
      host.transport.carryOut(this.publishing.publish(this.publish!, content, size));
    }, host.maxMessageSize);
  }

  get id(): number {
    return this.host.channelId;
  }

  /** True while the client has not answered the broker's close. The channel ignores all other methods then. */
  get closing(): boolean {
    return this.state === 'closing';
  }

  /** Ends the channel and ignores later frames. Returns the remaining work. */
  shut(state: 'closing' | 'gone'): Work {
    const wasOpen = this.state === 'open';
    this.state = state;
    if (!wasOpen) return nothing();
    this.publishing.close();
    return this.consuming.close();
  }

  /** Cancels the consumers that fit, from the broker's side. Returns their number. */
  cancelConsumers(fits: (consumer: Consumer) => boolean): number {
    return this.consuming.cancelByBroker(fits);
  }

  onMethod(buffer: Buffer, start: number, end: number): void {
    const method = this.read(buffer, start, end);
    if (!method) return;
    if (this.state !== 'open') return this.guard(method.name, () => this.whileClosing(method));
    // A method between the parts of a publish is an error of that publish.
    this.guard(this.awaited === 'method' ? method.name : 'basic.publish', () => this.carryOut(method, end - start));
  }

  onHeader(buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'open') return;
    this.guard(this.publish && 'basic.publish', () => {
      if (this.awaited === 'method') throw unexpected('expected method frame, got non method frame instead');
      if (this.awaited === 'body') throw unexpected('expected content body, got non content body frame instead');
      const classId = end - start >= 2 ? buffer.readUInt16BE(start) : BASIC_CLASS;
      if (classId !== BASIC_CLASS) {
        throw unexpected(`expected content header for class 60, got one for class ${classId} instead`);
      }
      this.awaited = 'body';
      this.content.onHeader(buffer, start, end);
    });
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    if (this.state !== 'open') return;
    this.guard(this.publish && 'basic.publish', () => {
      if (this.awaited === 'method') throw unexpected('expected method frame, got non method frame instead');
      if (this.awaited === 'header') throw notTheHeader();
      this.content.onBody(buffer, start, end);
    });
  }

  private read(buffer: Buffer, start: number, end: number): Method | undefined {
    try {
      const method = readMethod(this.reader.over(buffer, start, end), true);
      const wrong = Object.entries(method.args).find(([, value]) => typeof value === 'string' && !value.isWellFormed());
      if (!wrong) return method;
      // Such content could not be passed on: its receiver would fail to decode it.
      this.owner.onError(this, new BrokerError('SYNTAX_ERROR', `${wrong[0]} is not UTF-8`), method.name);
      return undefined;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // RabbitMQ reports a method that it cannot decode as a frame error.
      const known = error.replyName === 'SYNTAX_ERROR' ? 'FRAME_ERROR' : error.replyName;
      this.owner.onError(this, new BrokerError(known, `cannot decode: ${error.message}`), undefined);
      return undefined;
    }
  }

  private guard(method: Method['name'] | undefined, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof BrokerError) this.owner.onError(this, error, method);
      else if (error instanceof WireError) {
        this.owner.onError(this, new BrokerError(error.replyName, error.message), method);
      } else throw error;
    }
  }

  private whileClosing(method: Method): void {
    if (method.name === 'channel.open') throw secondOpen();
    if (method.name === 'channel.close') this.host.send('channel.closeOk', {});
    if (method.name === 'channel.closeOk') this.owner.onClosed(this);
  }

  private carryOut(method: Method, size: number): void {
    if (this.awaited !== 'method') throw this.awaited === 'header' ? notTheHeader() : notTheBody();
    this.record(method, size);
    switch (method.name) {
      case 'basic.publish':
        this.publish = method.args;
        this.awaited = 'header';
        return this.content.begin();
      case 'basic.ack':
        return this.work(this.consuming.settle(method.args.deliveryTag, method.args.multiple, 'ack'));
      case 'basic.nack': {
        const { deliveryTag, multiple, requeue } = method.args;
        return this.work(this.consuming.settle(deliveryTag, multiple, requeue ? 'requeue' : 'reject'));
      }
      case 'basic.reject':
        return this.work(
          this.consuming.settle(method.args.deliveryTag, false, method.args.requeue ? 'requeue' : 'reject'),
        );
      case 'basic.qos':
        this.consuming.qos(method.args);
        return this.host.send('basic.qosOk', {});
      case 'basic.consume':
        return this.consuming.consume(method.args, this.topology.queueName(method.args.queue), (consumerTag) => {
          if (!method.args.noWait) this.host.send('basic.consumeOk', { consumerTag });
        });
      case 'basic.cancel': {
        const { consumerTag, noWait } = method.args;
        this.consuming.cancel(consumerTag);
        return noWait ? undefined : this.host.send('basic.cancelOk', { consumerTag });
      }
      case 'basic.get':
        return this.work(this.consuming.get(this.topology.queueName(method.args.queue), method.args.noAck));
      case 'basic.recover':
        return this.work(this.consuming.recover(method.args.requeue, () => this.host.send('basic.recoverOk', {})));
      case 'basic.recoverAsync':
        return this.work(this.consuming.recover(method.args.requeue));
      case 'confirm.select':
        this.publishing.confirmSelect();
        return method.args.noWait ? undefined : this.host.send('confirm.selectOk', {});
      case 'tx.select':
        this.transaction.select(this.publishing.confirming);
        return this.host.send('tx.selectOk', {});
      case 'tx.commit':
        return this.work(this.transaction.commit(), () => this.host.send('tx.commitOk', {}));
      case 'tx.rollback':
        this.transaction.rollback();
        return this.host.send('tx.rollbackOk', {});
      case 'channel.open':
        throw secondOpen();
      case 'channel.flow':
        if (!method.args.active) throw notImplemented('active=false');
        return this.host.send('channel.flowOk', { active: true });
      case 'channel.close':
        return this.work(this.shut('gone'), () => {
          this.host.send('channel.closeOk', {});
          this.owner.onClosed(this);
        });
      default:
        if (!this.topology.carryOut(method)) throw new BrokerError('COMMAND_INVALID', 'unimplemented method');
    }
  }

  /** Does the work, then calls `done`, before the connection is read further. */
  private work(work: Work, done: () => void = () => {}): void {
    this.host.transport.carryOut(followedBy(work, done));
  }

  /** Publishes and settlements have journal entries of their own, with their outcome. */
  private record({ name, args }: Method, size: number): void {
    if (name === 'basic.publish' || name === 'basic.ack' || name === 'basic.nack' || name === 'basic.reject') return;
    const { connectionId: connection, channelId: channel } = this.host;
    this.host.journal.add('method', { connection, channel, name, args }, { own: size });
  }
}

function* nothing(): Work {}

function* followedBy(work: Work, done: () => void): Work {
  yield* work;
  done();
}

function secondOpen(): BrokerError {
  return new BrokerError('CHANNEL_ERROR', "second 'channel.open' seen");
}

function unexpected(text: string): BrokerError {
  return new BrokerError('UNEXPECTED_FRAME', text);
}

function notTheHeader(): BrokerError {
  return unexpected('expected content header for class 60, got non content header frame instead');
}

function notTheBody(): BrokerError {
  return unexpected('expected content body, got non content body frame instead');
}
