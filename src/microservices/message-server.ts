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
import { DONE } from '../consumers/settlement/outcome.js';
import { AmqpRpcContext } from './amqp-rpc.context.js';
import { parseBody, patternText } from './incoming-packet.js';
import { EventFailedError, ServerClosingError, UnhandledPatternError } from './microservices.errors.js';
import { recordSerializer } from './outgoing-packet.js';
import { ReplyStream } from './reply-stream.js';
import { hasWildcards, matchesTopic } from './topic-pattern.js';
import type { Route } from './server-session.js';
import type { AmqpStatus, AmqpTransportEvents } from './transport-events.js';
import type { AmqpTransportOptions } from './transport-options.js';

/** What clients of Nest know as the answer to a pattern that nobody handles. */
const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';

type Packet = ReadPacket & Partial<IncomingRequest>;

/**
 * A message's way from its delivery to its settlement: packet, pattern, handler, replies.
 *
 *     event handled, or request answered (with an error, too) ─▶ ack
 *     event failed ─▶ retried, then parked      no packet, no pattern, no handler ─▶ parked at once
 *     reply lost with its channel ─▶ requeue    ack(), nack(), reject() of the context ─▶ as they say
 */
export abstract class MessageServer extends Server<AmqpTransportEvents, AmqpStatus> {
  protected override readonly logger = new Logger('AmqpServer');
  /** Failures of event handlers are seen here, and logged: Nest need not log them as well. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly running = new Set<ReplyStream>();
  /** Nest hands no more than the context to `handleEvent`. */
  private readonly routes = new WeakMap<AmqpRpcContext, Route>();

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
    const { settler } = route;
    let packet: Packet;
    let context: AmqpRpcContext;
    try {
      packet = await this.read(delivery);
      context = new AmqpRpcContext(settler.contextOf(delivery), patternText(packet.pattern) ?? '', packet.metadata);
    } catch (error) {
      // Its headers are malformed, or the deserializer has thrown: so it will be each time.
      return settler.settle(delivery, { ok: false, error, refused: true });
    }
    this.routes.set(context, route);
    try {
      if (packet.id === undefined) await this.handleEvent(context.getPattern(), packet, context);
      else await this.handleMessage(packet as IncomingRequest, context, route);
    } catch (error) {
      // A processing hook has thrown, most likely: the message must not stay where it is.
      await settler.settle(delivery, { ok: false, error, refused: false });
    }
  }

  override async handleEvent(pattern: string, packet: ReadPacket, context: AmqpRpcContext): Promise<void> {
    const settler = this.routes.get(context)!.settler;
    const handler = this.getHandlerByPattern(pattern);
    if (!handler) return settler.settle(context.delivery, { ok: false, error: unhandled(pattern), refused: true });
    await this.process(context, async () => {
      try {
        // Of several handlers of one event all have to succeed.
        const result: unknown = await handler(packet.data, context);
        if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
        await settler.settle(context.delivery, DONE);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new EventFailedError(`${quoted(pattern)}: ${wordsOf(thrown)}`);
        await settler.settle(context.delivery, { ok: false, error, refused: false });
      }
    });
  }

  /** Ends what is still being answered: the channel is lost, or the server closes. */
  protected abandonReplies(reason: Error): void {
    for (const stream of [...this.running]) stream.abandon(reason);
  }

  private async handleMessage(packet: IncomingRequest, context: AmqpRpcContext, route: Route): Promise<void> {
    const pattern = context.getPattern();
    const handler = this.getHandlerByPattern(pattern);
    if (!handler) {
      this.logger.warn(`Answered a request of queue '${context.queue}' with an error: ${unhandled(pattern).message}`);
      const reply = { id: packet.id, err: NO_MESSAGE_HANDLER, status: 'error' };
      await route.replies.send(reply, context.properties).catch((error: unknown) => this.logUnsent(context, error));
      // Answered is done, whoever settles the others.
      return context.ack();
    }
    await this.process(context, async () => {
      let response$: Observable<unknown>;
      try {
        response$ = this.transformToObservable(await handler(packet.data, context)) as Observable<unknown>;
      } catch (error) {
        response$ = throwError(() => error);
      }
      await this.answer(response$, context, route);
    });
  }

  private async answer(
    response$: Observable<unknown>,
    context: AmqpRpcContext,
    { replies, settler }: Route,
  ): Promise<void> {
    const stream = new ReplyStream({
      write: (packet) => replies.write(packet),
      publish: (reply) => replies.publish(reply, context.properties),
    });
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
    await settler.settle(context.delivery, DONE);
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

function unhandled(pattern: string): UnhandledPatternError {
  const what = pattern === '' ? 'the message has no pattern' : `no handler for pattern ${quoted(pattern)}`;
  return new UnhandledPatternError(`${what}; does another service share the queue?`);
}

/** Nest has made `{ status, message }` of what the handler threw; what else is thrown may be the payload. */
function wordsOf(thrown: unknown): string {
  const { message } = (thrown ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : `a thrown ${typeof thrown}`;
}
