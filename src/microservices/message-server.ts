import { Server, type IncomingRequest, type MessageHandler, type ReadPacket } from '@nestjs/microservices';
import { Logger } from '@nestjs/common';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import {
  ChannelClosedError,
  ConnectionClosedError,
  ConnectionLostError,
  type Delivery,
} from '../../lib/client/index.js';
import { describeError, describeMessage } from '../consumers/log-text.js';
import { AmqpRpcContext } from './amqp-rpc.context.js';
import { parseBody, patternText } from './incoming-packet.js';
import { ServerClosingError } from './microservices.errors.js';
import { recordSerializer } from './outgoing-packet.js';
import type { ReplySender } from './reply-sender.js';
import { ReplyStream } from './reply-stream.js';
import { hasWildcards, matchesTopic } from './topic-pattern.js';
import type { AmqpStatus, AmqpTransportEvents } from './transport-events.js';
import type { AmqpTransportOptions } from './transport-options.js';

/** What clients of Nest know as the answer to a pattern that nobody handles. */
const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';

/** Where a message came from, and where its replies go. */
interface Route {
  readonly queue: string;
  readonly replies: ReplySender;
}

type Packet = ReadPacket & Partial<IncomingRequest>;

/**
 * A message's way from its delivery to its settlement: packet, pattern, handler, replies.
 *
 *     returns, replies confirmed ─▶ ack      event fails, nobody handles it, no packet at all ─▶ reject
 *     replies not sent: channel lost ─▶ requeue      ack(), nack(), reject() of the context ─▶ as they say
 */
export abstract class MessageServer extends Server<AmqpTransportEvents, AmqpStatus> {
  protected override readonly logger = new Logger('AmqpServer');
  /** Failures of event handlers are seen here, and logged: Nest need not log them as well. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly running = new Set<ReplyStream>();

  constructor(protected readonly options: AmqpTransportOptions) {
    super();
    this.serializer = options.serializer ?? recordSerializer;
    this.initializeDeserializer(options as never);
  }

  /** By the pattern itself, else by the first with wildcards that it matches, in the order of registration. */
  override getHandlerByPattern(pattern: string): MessageHandler | null {
    const handler = super.getHandlerByPattern(pattern);
    if (handler || !this.options.wildcards) return handler;
    for (const [route, candidate] of this.messageHandlers) {
      if (hasWildcards(route) && matchesTopic(route, pattern)) return candidate;
    }
    return null;
  }

  /** Handles one message. Never rejects: whatever happens is settled. */
  protected async handleDelivery(delivery: Delivery, route: Route): Promise<void> {
    let packet: Packet;
    let context: AmqpRpcContext;
    try {
      packet = await this.read(delivery);
      context = new AmqpRpcContext(delivery, route.queue, patternText(packet.pattern) ?? '', packet.metadata);
    } catch (error) {
      // Its headers are malformed, or the deserializer has thrown: so it will be each time.
      this.logger.error(`Rejected ${describeMessage(delivery)} of queue '${route.queue}': ${describeError(error)}`);
      if (!delivery.settled) delivery.reject({ requeue: false });
      return;
    }
    try {
      if (packet.id === undefined) await this.handleEvent(context.getPattern(), packet, context);
      else await this.handleMessage(packet as IncomingRequest, context, route.replies);
    } catch (error) {
      // A processing hook has thrown, most likely: the message must not stay where it is.
      this.fail(context, error);
    }
  }

  override async handleEvent(pattern: string, packet: ReadPacket, context: AmqpRpcContext): Promise<void> {
    const handler = this.getHandlerByPattern(pattern);
    if (!handler) return this.refuseUnhandled(context);
    await this.process(context, async () => {
      try {
        // Of several handlers of one event all have to succeed.
        const result: unknown = await handler(packet.data, context);
        if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
        this.succeed(context);
      } catch (error) {
        this.fail(context, error);
      }
    });
  }

  /** Ends what is still being answered: the channel is lost, or the server closes. */
  protected abandonReplies(reason: Error): void {
    for (const stream of [...this.running]) stream.abandon(reason);
  }

  private async handleMessage(packet: IncomingRequest, context: AmqpRpcContext, replies: ReplySender): Promise<void> {
    const handler = this.getHandlerByPattern(context.getPattern());
    if (!handler) {
      const unhandled = { id: packet.id, err: NO_MESSAGE_HANDLER, status: 'error' };
      await replies.send(unhandled, context.properties).catch((error: unknown) => this.logUnsent(context, error));
      return this.refuseUnhandled(context);
    }
    await this.process(context, async () => {
      let response$: Observable<unknown>;
      try {
        response$ = this.transformToObservable(await handler(packet.data, context)) as Observable<unknown>;
      } catch (error) {
        response$ = throwError(() => error);
      }
      await this.answer(response$, context, replies);
    });
  }

  private async answer(response$: Observable<unknown>, context: AmqpRpcContext, replies: ReplySender): Promise<void> {
    const stream = new ReplyStream((packet) => replies.send(packet, context.properties));
    this.running.add(stream);
    try {
      await stream.start((respond) => this.send(response$, respond)).done;
    } catch (error) {
      const closing = error instanceof ServerClosingError;
      // Nobody has an answer yet, or who has it is unknown: another server, or this one, may handle it again.
      if (isLoss(error) || (closing && !stream.begun)) return context.nack({ requeue: true });
      if (closing) {
        const end = { err: { status: 'error', message: error.message }, isDisposed: true };
        await replies.send(end, context.properties).catch(() => {});
      }
      this.logUnsent(context, error);
    } finally {
      this.running.delete(stream);
    }
    this.succeed(context);
  }

  private async read(delivery: Delivery): Promise<Packet> {
    const { properties, exchange, routingKey, body } = delivery;
    // What is no packet of Nest gets `channel` as its pattern: in a topic exchange that is what the routing key is.
    const channel = this.options.wildcards ? routingKey : undefined;
    const origin = { ...properties, channel, fields: { exchange, routingKey }, content: body };
    const packet: unknown = await this.deserializer.deserialize(parseBody(body), origin);
    return typeof packet === 'object' && packet !== null ? (packet as Packet) : { pattern: undefined, data: undefined };
  }

  /** Runs between the hooks of Nest. A hook of the user's need not return what it is given: so that is awaited here. */
  private process(context: AmqpRpcContext, run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const transportId = this.transportId!;
      const done = async (): Promise<void> => {
        try {
          await run();
          resolve();
        } catch (error) {
          reject(error as Error);
        } finally {
          this.onProcessingEndHook?.(transportId, context);
        }
      };
      void Promise.resolve(this.onProcessingStartHook(transportId, context, done)).catch(reject);
    });
  }

  private refuseUnhandled(context: AmqpRpcContext): void {
    const pattern = context.getPattern();
    const what = pattern === '' ? 'it has no pattern' : `no handler for pattern ${quoted(pattern)}`;
    this.logger.warn(
      `Rejected ${describeMessage(context.delivery)} of queue '${context.queue}': ${what}. ` +
        'Does another service share the queue?',
    );
    context.reject();
  }

  private succeed(context: AmqpRpcContext): void {
    if (this.options.ack !== 'manual') context.ack();
  }

  private fail(context: AmqpRpcContext, error: unknown): void {
    this.logger.error(
      `Rejected ${describeMessage(context.delivery)} of queue '${context.queue}', pattern ` +
        `${quoted(context.getPattern())}: ${reasonOf(error)}`,
    );
    context.reject();
  }

  private logUnsent(context: AmqpRpcContext, error: unknown): void {
    const pattern = quoted(context.getPattern());
    this.logger.warn(`No reply to ${describeMessage(context.delivery)}, pattern ${pattern}: ${describeError(error)}`);
  }
}

function isLoss(error: unknown): boolean {
  return (
    error instanceof ConnectionLostError ||
    error instanceof ChannelClosedError ||
    error instanceof ConnectionClosedError
  );
}

/** A pattern is the client's text: on one line, and of bounded length. */
function quoted(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}

/** Nest has made `{ status, message }` of what the handler threw; what else is thrown may be the payload. */
function reasonOf(error: unknown): string {
  if (error instanceof Error) return describeError(error);
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? quoted(message) : describeError(error);
}
