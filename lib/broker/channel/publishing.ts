import type { Content } from '../../protocol/content.js';
import type { FieldTable, FieldValue } from '../../protocol/field-table.js';
import type { MessageProperties, MethodArguments } from '../../protocol/types.js';
import type { ChannelHost } from './channel-host.js';
import { ConfirmWriter } from './confirm-writer.js';
import { accessRefused, notImplemented, preconditionFailed } from '../errors.js';
import { typeName } from '../routing/field-values.js';
import { JournalMessage, type JournalEntries } from '../control/journal.js';
import type { Work } from '../control/turns.js';
import { encodeProperties, Message } from '../queue/message.js';
import type { Queue } from '../queue/queue.js';
import { isReplyAddress, REPLY_TO, type ReplyTarget } from './reply-to.js';
import type { Transaction } from './transaction.js';

type PublishArguments = MethodArguments<'basic.publish'>;
type Outcome = JournalEntries['published']['outcome'];

/** Memory in bytes that a list uses for each item. */
const POINTER = 8;

/** A publish that was checked and routed, and has to be carried out. */
interface Routed {
  readonly args: PublishArguments;
  readonly message: Message;
  readonly queues: ReadonlySet<Queue>;
  readonly expiration: number | undefined;
  readonly priority: number;
  /** The publish's number; 0 without confirms. */
  readonly sequence: number;
}

/** The incoming side of a channel: checks publishes, routes them, and confirms or returns them. */
export class Publishing {
  private confirms: ConfirmWriter | undefined;

  /** @param replyAddress returns the address of replies to this channel's requests, while the channel consumes them */
  constructor(
    private readonly host: ChannelHost,
    private readonly transaction: Transaction,
    private readonly replyAddress: () => string | undefined,
  ) {}

  /** confirm.select (https://www.rabbitmq.com/docs/confirms). @throws BrokerError on a transactional channel */
  confirmSelect(): void {
    if (this.transaction.active) throw preconditionFailed('cannot switch from tx to confirm mode');
    this.confirms ??= new ConfirmWriter(this.host.transport, this.host.channelId);
  }

  get confirming(): boolean {
    return this.confirms !== undefined;
  }

  /** Called when a publish is complete. Returns the work for it. @throws BrokerError */
  publish(args: PublishArguments, content: Content | undefined, bodySize: number): Work {
    const { vhost, maxMessageSize } = this.host;
    if (args.immediate) throw notImplemented('immediate=true');
    if (!content) {
      throw preconditionFailed(`message size ${bodySize} is larger than configured max size ${maxMessageSize}`);
    }
    this.host.onPublish();
    if (args.exchange !== '' && vhost.exchange(args.exchange).properties.internal) {
      throw accessRefused(`cannot publish to internal exchange '${args.exchange}' in vhost '${vhost.name}'`);
    }
    const message = new Message(args.exchange, [args.routingKey], content.properties, content.body);
    const { properties } = message;
    this.assertUser(properties);
    const expiration = parseExpiration(properties.expiration);
    const addressed = this.address(message, properties);
    const routed = {
      args,
      message: addressed,
      queues: vhost.route(addressed),
      expiration,
      priority: properties.priority ?? 0,
      sequence: this.confirms?.next() ?? 0,
    };
    if (!this.transaction.active) return this.carryOut(routed, routed.queues);
    // Until the commit the message is kept here and uses as much memory as in a queue.
    const { size } = addressed;
    vhost.kept(size);
    const commit = (): Work => {
      vhost.kept(-size);
      // The message was routed earlier. It goes to those of its queues that still exist.
      const there = [...routed.queues].map(({ name }) => vhost.queues.get(name)).filter((queue) => queue !== undefined);
      return this.carryOut(routed, new Set(there));
    };
    return this.transaction.carryOut(commit, () => vhost.kept(-size));
  }

  /** Called when the channel ends. */
  close(): void {
    this.confirms?.close();
  }

  private *carryOut(routed: Routed, queues: ReadonlySet<Queue>): Work {
    const { args, message, expiration, priority, sequence } = routed;
    const { faults, journal, connectionId, channelId } = this.host;
    const target = this.replyTarget(args);
    const fault = faults.onPublish(message, this.confirming, args.mandatory);
    let outcome: Outcome = fault ?? (queues.size > 0 || target ? 'routed' : 'unroutable');
    if (!fault) {
      target?.reply(message);
      let left = queues.size;
      for (const queue of queues) {
        this.host.transport.spend(1);
        if (!queue.publish(message, { expiration, priority })) outcome = 'refused';
        if (--left > 0) yield;
      }
    }
    // A reply address is no queue (https://www.rabbitmq.com/docs/direct-reply-to#limitations).
    if (outcome === 'returned' || (!fault && queues.size === 0 && args.mandatory)) this.return(args, message);
    const published = {
      connection: connectionId,
      channel: channelId,
      exchange: args.exchange,
      routingKey: args.routingKey,
      mandatory: args.mandatory,
      message: new JournalMessage(message),
      queues: [...queues].map(({ name }) => name),
      outcome,
    };
    journal.add('published', published, { message, own: POINTER * queues.size });
    // RabbitMQ nacks a publish that one of its queues has refused, even if others have accepted it.
    if (outcome === 'refused' || outcome === 'nacked') this.confirms?.nack(sequence);
    else this.confirms?.ack(sequence);
  }

  private replyTarget({ exchange, routingKey }: PublishArguments): ReplyTarget | undefined {
    return exchange === '' && isReplyAddress(routingKey) ? this.host.replyTargets.get(routingKey) : undefined;
  }

  private return({ exchange, routingKey }: PublishArguments, message: Message): void {
    const args = { replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey };
    this.host.forward('basic.return', args, message);
  }

  private assertUser({ userId }: MessageProperties): void {
    if (userId === undefined || userId === this.host.user) return;
    throw preconditionFailed(`user_id property set to '${userId}' but authenticated user was '${this.host.user}'`);
  }

  /**
   * Creates the message with all its routing keys (CC and BCC, https://www.rabbitmq.com/docs/sender-selected) and the
   * real reply-to.
   */
  private address(message: Message, properties: MessageProperties): Message {
    const { replyTo, headers } = properties;
    const [cc, bcc] = [keysIn(headers, 'CC'), keysIn(headers, 'BCC')];
    const asked = replyTo === REPLY_TO;
    const address = asked ? this.replyAddress() : replyTo;
    if (asked && address === undefined) throw preconditionFailed('fast reply consumer does not exist');
    if (!asked && cc.length === 0 && headers?.['BCC'] === undefined) return message;
    const { passedOn } = message;
    const { BCC: _, ...others } = passedOn.headers ?? {};
    const encoded = encodeProperties({ ...passedOn, replyTo: address, ...(headers ? { headers: others } : {}) });
    return new Message(message.exchange, [message.routingKey, ...cc, ...bcc], encoded, message.body);
  }
}

/**
 * Returns the routing keys in a CC or BCC header, without items that are no strings. @throws BrokerError if the header
 * is no array
 */
function keysIn(headers: FieldTable | undefined, name: 'CC' | 'BCC'): string[] {
  const keys: FieldValue = headers?.[name];
  if (keys === undefined) return [];
  if (!Array.isArray(keys)) {
    throw preconditionFailed(`invalid message: {unacceptable_type_in_header,"${name}",${typeName(keys)}}`);
  }
  return keys.filter((key): key is string => typeof key === 'string');
}

/**
 * Returns the expiration in ms; undefined for none. @throws BrokerError with Erlang's text for anything but a whole
 * number
 */
function parseExpiration(expiration: string | undefined): number | undefined {
  if (expiration === undefined) return undefined;
  const [, digits, rest] = /^([+-]?\d+)(.*)$/s.exec(expiration) ?? [];
  const value = Number(digits);
  const problem =
    digits === undefined
      ? 'no_integer'
      : rest !== ''
        ? `{leftover_string,"${rest}"}`
        : value < 0
          ? `{value_negative,${digits}}`
          : undefined;
  if (problem !== undefined) throw preconditionFailed(`invalid expiration '${expiration}': ${problem}`);
  return value;
}
