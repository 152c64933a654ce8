import { Buffer } from 'node:buffer';
import {
  Server,
  type IncomingRequest,
  type MessageHandler,
  type ReadPacket,
  type WritePacket,
} from '@nestjs/microservices';
import { Logger } from '@nestjs/common';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import {
  ChannelClosedError,
  ConnectionClosedError,
  ConnectionLostError,
  type Delivery,
  type MessageProperties,
} from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import { describeError, describeMessage } from '../../common/log-text.js';
import { DONE, failureOf } from '../../settlement/outcome.js';
import { AmqpRpcContext } from './amqp-rpc.context.js';
import { parseBody, patternText } from '../packets/incoming-packet.js';
import { EventFailedError, ServerClosingError, UnhandledPatternError } from '../microservices.errors.js';
import { recordSerializer } from '../packets/outgoing-packet.js';
import { ReplyStream } from './reply-stream.js';
import { hasWildcards, matchesWords, toWords } from './topic-pattern.js';
import type { Route } from './server-session.js';
import type { AmqpStatus, AmqpTransportEvents } from '../transport-events.js';
import type { AmqpTransportOptions } from '../options/transport-options.js';

/** The error reply to a request without a handler, as Nest's clients know it. */
const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';

/** Limit of patterns whose handler is cached. */
const MAX_KNOWN = 1_000;
/**
 * Maximum length of a routing key in bytes, and so of a pattern that wildcards can match (AMQP 0-9-1, short string).
 */
const MAX_PATTERN = 255;

/** A handler whose pattern has wildcards. */
interface WildcardRoute {
  readonly words: readonly string[];
  readonly handler: MessageHandler;
}

type Packet = ReadPacket & Partial<IncomingRequest>;

/**
 * Handles a message from its delivery to its settlement: packet, pattern, handler, replies.
 *
 * ```
 * event handled, or request answered (also by an error) ─▶ ack
 * event failed ─▶ retried, then parked      no packet, no pattern, no handler ─▶ parked at once
 * reply lost with its channel ─▶ requeue    ack(), nack(), reject() of the context ─▶ as called
 * ```
 */
export abstract class MessageServer extends Server<AmqpTransportEvents, AmqpStatus> {
  protected override readonly logger = new Logger('AmqpServer');
  /** Failures of event handlers are logged here, so Nest need not log them. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly running = new Set<ReplyStream>();
  /**
   * Handlers by pattern as received. A lookup parses the pattern, and throws internally if it is not JSON, so results
   * are cached.
   */
  private readonly known = new Map<string, MessageHandler>();
  /** In the order of registration; undefined until the next message needs them. */
  private wildcardRoutes: readonly WildcardRoute[] | undefined;

  constructor(protected readonly options: AmqpTransportOptions) {
    super();
    this.serializer = options.serializer ?? recordSerializer;
    this.initializeDeserializer(options as never);
  }

  override addHandler(...registration: Parameters<Server['addHandler']>): void {
    this.known.clear();
    this.wildcardRoutes = undefined;
    super.addHandler(...registration);
  }

  /**
   * Finds a handler by its exact pattern, else the first registered pattern with wildcards that matches. A pattern of
   * more than 255 bytes matches no wildcards, since no routing key is longer.
   */
  override getHandlerByPattern(pattern: string): MessageHandler | null {
    const known = this.known.get(pattern);
    if (known) return known;
    const exact = super.getHandlerByPattern(pattern);
    if (Buffer.byteLength(pattern) > MAX_PATTERN) return exact;
    const handler = exact ?? this.handlerByWildcards(pattern);
    // Clients can send any number of patterns.
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    if (handler) this.known.set(pattern, handler);
    return handler;
  }

  private handlerByWildcards(pattern: string): MessageHandler | null {
    if (!this.options.wildcards) return null;
    const words = toWords(pattern);
    this.wildcardRoutes ??= [...this.messageHandlers]
      .filter(([route]) => hasWildcards(route))
      .map(([route, handler]) => ({ words: toWords(route), handler }));
    return this.wildcardRoutes.find((route) => matchesWords(route.words, words))?.handler ?? null;
  }

  /** Handles one message. Never rejects: every outcome is settled. */
  protected async handleDelivery(delivery: Delivery, route: Route): Promise<void> {
    const { settler } = route;
    let packet: Packet;
    let context: AmqpRpcContext;
    try {
      const read = this.read(delivery);
      packet = packetOf(isThenable(read) ? await read : read);
      const pattern = patternText(packet.pattern) ?? '';
      context = new AmqpRpcContext(settler.contextOf(delivery), pattern, packet.metadata, route);
    } catch (error) {
      // Its headers are malformed, or the deserializer has thrown: so it will be each time.
      return settler.settle(delivery, failureOf(error, true));
    }
    try {
      if (packet.id === undefined) await this.handleEvent(context.getPattern(), packet, context);
      else await this.handleMessage(packet as IncomingRequest, context);
    } catch (error) {
      // A processing hook has thrown, most likely: the message must not stay where it is.
      await settler.settle(delivery, failureOf(error, false));
    }
  }

  override handleEvent(pattern: string, packet: ReadPacket, context: AmqpRpcContext): Promise<void> {
    const { settler } = context.route;
    const handler = this.getHandlerByPattern(pattern);
    if (!handler) return settler.settle(context.delivery, failureOf(unhandled(pattern), true));
    return this.process(context, async () => {
      try {
        // If an event has several handlers, all must succeed.
        const result: unknown = await handler(packet.data, context);
        if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
        await settler.settle(context.delivery, DONE);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new EventFailedError(`${quoted(pattern)}: ${wordsOf(thrown)}`);
        await settler.settle(context.delivery, failureOf(error, false));
      }
    });
  }

  /** Ends running replies, because the channel is lost or the server closes. */
  protected abandonReplies(reason: Error): void {
    for (const stream of [...this.running]) stream.abandon(reason);
  }

  private handleMessage(packet: IncomingRequest, context: AmqpRpcContext): Promise<void> {
    const handler = this.getHandlerByPattern(context.getPattern());
    if (!handler) return this.answerUnhandled(packet, context);
    return this.process(context, async () => {
      let result: unknown;
      try {
        result = await handler(packet.data, context);
      } catch (error) {
        result = throwError(() => error);
      }
      await (isObservable(result) ? this.answerAll(result, context) : this.answer(result, context));
    });
  }

  private async answerUnhandled(packet: IncomingRequest, context: AmqpRpcContext): Promise<void> {
    const { message } = unhandled(context.getPattern());
    this.logger.warn(`Answered a request of queue '${context.queue}' with an error: ${message}`);
    const reply = { id: packet.id, err: NO_MESSAGE_HANDLER, status: 'error' };
    await context.route.replies
      .send(reply, context.properties)
      .catch((error: unknown) => this.logUnsent(context, error));
    // An answered request is done, whatever else is not settled.
    context.ack();
  }

  /** Sends a single value as one reply, as `Server.send` does, but without its queue. */
  private async answer(response: unknown, context: AmqpRpcContext): Promise<void> {
    const { replies, settler } = context.route;
    try {
      const written = replies.write({ response, isDisposed: true } as WritePacket);
      const reply = isThenable(written) ? await written : written;
      await replies.publish(reply, context.properties);
      if (reply.failure) this.logUnsent(context, reply.failure);
    } catch (error) {
      if (isLoss(error)) return context.nack({ requeue: true });
      this.logUnsent(context, error);
    }
    await settler.settle(context.delivery, DONE);
  }

  private async answerAll(response$: Observable<unknown>, context: AmqpRpcContext): Promise<void> {
    const { replies, settler } = context.route;
    const stream = new ReplyStream({
      write: (packet) => replies.write(packet),
      publish: (reply) => replies.publish(reply, context.properties),
    });
    this.running.add(stream);
    try {
      await stream.start((respond) => this.send(response$, respond)).done;
    } catch (error) {
      const closing = error instanceof ServerClosingError;
      // No reply has reached the requester, or it is unknown: this or another server may handle the message again.
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

  private read({ properties, exchange, routingKey, body }: Delivery): unknown {
    const origin: Record<string, unknown> = {
      // If the message is not a packet of Nest, its pattern is read from `channel`; in a topic exchange, that is the
      // routing key.
      channel: this.options.wildcards ? routingKey : undefined,
      fields: { exchange, routingKey },
      content: body,
    };
    for (const name in properties) origin[name] = properties[name as keyof MessageProperties];
    return this.deserializer.deserialize(parseBody(body), origin);
  }

  /**
   * Runs the handler between Nest's hooks. A user's hook need not return its argument's promise, so it is awaited here.
   */
  private process(context: AmqpRpcContext, run: () => Promise<void>): Promise<void> {
    let running: Promise<void> | undefined;
    let whenRunning: ((work: Promise<void>) => void) | undefined;
    const done = (): Promise<void> => {
      running = this.runToEnd(context, run);
      whenRunning?.(running);
      return running;
    };
    const started: unknown = this.onProcessingStartHook(this.transportId!, context, done);
    if (running && started === running) return running;
    return new Promise((resolve, reject) => {
      whenRunning = (work) => void work.then(resolve, reject);
      if (running) whenRunning(running);
      Promise.resolve(started).catch(reject);
    });
  }

  private async runToEnd(context: AmqpRpcContext, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } finally {
      this.onProcessingEndHook?.(this.transportId!, context);
    }
  }

  private logUnsent(context: AmqpRpcContext, error: unknown): void {
    const pattern = quoted(context.getPattern());
    this.logger.warn(`No reply to ${describeMessage(context.delivery)}, pattern ${pattern}: ${describeError(error)}`);
  }
}

/** Returns a deserializer's result as a packet, whatever it is. */
function packetOf(read: unknown): Packet {
  return typeof read === 'object' && read !== null ? (read as Packet) : { pattern: undefined, data: undefined };
}

function isLoss(error: unknown): boolean {
  return (
    error instanceof ConnectionLostError ||
    error instanceof ChannelClosedError ||
    error instanceof ConnectionClosedError
  );
}

/** Quotes a pattern on one line with limited length, since it is text of a client. */
function quoted(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}

function unhandled(pattern: string): UnhandledPatternError {
  const what = pattern === '' ? 'the message has no pattern' : `no handler for pattern ${quoted(pattern)}`;
  return new UnhandledPatternError(`${what}; does another service share the queue?`);
}

/**
 * Returns the message of `{ status, message }`, which Nest makes of a handler's error. Any other thrown value may be
 * the payload.
 */
function wordsOf(thrown: unknown): string {
  const { message } = (thrown ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : `a thrown ${typeof thrown}`;
}
