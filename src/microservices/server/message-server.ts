import { Buffer } from 'node:buffer';
import {
  Server,
  type IncomingRequest,
  type MessageHandler,
  type ReadPacket,
  type WritePacket,
} from '@nestjs/microservices';
import { Logger } from '@nestjs/common';
import { isObservable, throwError, type Observable } from 'rxjs';
import {
  ChannelClosedError,
  ConnectionClosedError,
  ConnectionLostError,
  type Delivery,
  type TracedProcess,
  type MessageProperties,
} from '../../../lib/client/index.js';
import { isThenable } from '../../common/thenable.js';
import { FieldLogger, type LogFields } from '../../common/field-logger.js';
import { describeError, describeMessage, messageIdOf } from '../../common/log-text.js';
import { isError, reasonOf } from '../../common/reason.js';
import type { HandlerTrace } from '../../settlement/handling.js';
import { DONE, failureOf, type Failure, type Outcome } from '../../settlement/outcome.js';
import { RequeueMessage } from '../../settlement/settlement.errors.js';
import { lastValue } from '../../consumers/pipeline/nest-contexts.js';
import { failureIn } from './handler-failures.js';
import { AmqpRpcContext } from './amqp-rpc.context.js';
import { parseBody, patternText } from '../packets/incoming-packet.js';
import {
  EventFailedError,
  ReplyRefusedError,
  ServerClosingError,
  UnhandledPatternError,
} from '../microservices.errors.js';
import { recordSerializer } from '../packets/outgoing-packet.js';
import { ReplyStream } from './reply-stream.js';
import { hasWildcards, matchesWords, toWords } from '../../common/topic-pattern.js';
import type { Route } from './server-sink.js';
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
 * channel lost while the handler runs ─▶ its result is ignored: the broker delivers the message again
 * ```
 */
export abstract class MessageServer extends Server<AmqpTransportEvents, AmqpStatus> {
  /** The logger of Nest's lines. */
  protected override readonly logger = new Logger('AmqpServer');
  protected readonly lines = new FieldLogger('AmqpServer');
  /** Failures of event handlers are logged here, so Nest need not log them. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly running = new Set<ReplyStream>();
  /**
   * Handlers by pattern as received. A lookup parses the pattern, and throws internally if it is not JSON, so results
   * are cached.
   */
  private readonly known = new Map<string, MessageHandler>();
  /** Handlers with wildcards in the order of registration; undefined until a message needs them. */
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
    // The cache is limited, since clients can send any number of patterns.
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
  protected handleDelivery(delivery: Delivery, route: Route): Promise<void> {
    const trace = route.settler.traceOf(delivery);
    return trace ? trace.run(() => this.traced(delivery, route, trace)) : this.settleDelivery(delivery, route);
  }

  private async traced(delivery: Delivery, route: Route, trace: TracedProcess): Promise<void> {
    await this.settleDelivery(delivery, route, trace);
    trace.succeed();
  }

  private async settleDelivery(delivery: Delivery, route: Route, trace?: TracedProcess): Promise<void> {
    const { settler } = route;
    const refusal = settler.refusalOf(delivery);
    if (refusal) return this.fail(delivery, refusal, route, trace);
    let packet: Packet;
    let context: AmqpRpcContext;
    const { losses } = settler;
    try {
      const read = this.read(delivery);
      packet = packetOf(isThenable(read) ? await read : read);
      const pattern = patternText(packet.pattern) ?? '';
      if (trace) trace.pattern = pattern;
      context = new AmqpRpcContext(settler.contextOf(delivery, trace), pattern, packet.metadata, route);
    } catch (error) {
      if (losses !== settler.losses) return;
      // The headers are malformed or the deserializer threw, which would happen again at each attempt.
      return this.fail(delivery, failureOf(error, { refused: true }), route, trace);
    }
    // The channel was lost meanwhile, so the broker delivers the message again.
    if (losses !== settler.losses) return;
    try {
      // A request without a reply-to is handled as an event, since nobody waits for its reply.
      const isEvent = packet.id === undefined || !context.properties.replyTo;
      if (isEvent) await this.handleEvent(context.getPattern(), packet, context);
      else await this.handleMessage(packet as IncomingRequest, context);
    } catch (error) {
      // Probably a processing hook threw; the message must be settled all the same.
      await this.fail(delivery, failureOf(error), route, trace);
    }
  }

  private fail(
    delivery: Delivery,
    failure: Failure,
    { settler }: Route,
    trace: HandlerTrace | undefined,
  ): Promise<void> {
    trace?.fail(failure.error);
    return settler.settle(delivery, failure);
  }

  override handleEvent(pattern: string, packet: ReadPacket, context: AmqpRpcContext): Promise<void> {
    const { settler } = context.route;
    const { trace } = context.origin.handling;
    const handler = this.getHandlerByPattern(pattern);
    if (!handler)
      return this.fail(context.delivery, failureOf(unhandled(pattern), { refused: true }), context.route, trace);
    return this.process(context, async () => {
      let outcome: Outcome = DONE;
      settler.handlings.begin(context.origin);
      try {
        // If an event has several handlers, all must succeed: their Observable completes then.
        const completed = Promise.resolve(handler(packet.data, context)).then(lastValue);
        await settler.handlings.inTime(context.origin, completed);
      } catch (thrown) {
        const inPipeline = failureIn(context);
        // Nest replaces an error that no filter of the user has handled by an object with a text.
        const error = isError(thrown) ? thrown : (inPipeline?.error ?? eventFailed(pattern, thrown));
        outcome = failureOf(error, { refused: inPipeline?.refused ?? false, handler: `pattern '${pattern}'` });
      } finally {
        settler.handlings.end(context.origin);
      }
      if (outcome.ok) trace?.succeed();
      else trace?.fail(outcome.error);
      const settled = settler.settle(context.delivery, outcome);
      // A message that was handled is settled at once.
      if (!outcome.ok) await settled;
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
      const { handlings } = context.route.settler;
      let result: unknown;
      handlings.begin(context.origin);
      try {
        result = await handlings.inTime(context.origin, handler(packet.data, context));
      } catch (error) {
        context.origin.handling.trace?.fail(error);
        result = throwError(() => error);
      } finally {
        handlings.end(context.origin);
      }
      // The next handler of the request answers it.
      if (context.route.settler.isStale(context.delivery)) return;
      await (isObservable(result) ? this.answerAll(result, context) : this.answer(result, context));
      const failure = failureIn(context);
      if (failure) context.origin.handling.trace?.fail(failure.error);
    });
  }

  private async answerUnhandled(packet: IncomingRequest, context: AmqpRpcContext): Promise<void> {
    const error = unhandled(context.getPattern());
    context.origin.handling.trace?.fail(error);
    const { message } = error;
    const { queue } = context;
    this.lines.warn(`Answered a request of queue '${queue}' with an error: ${message}`, fieldsOf(context));
    const reply = { id: packet.id, err: NO_MESSAGE_HANDLER, status: 'error' };
    await context.route.replies
      .send(reply, context.properties)
      .catch((error: unknown) => this.logUnsent(context, error));
    // An answered request is done, even if other work is not.
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
      if (isLoss(error)) return this.giveBack(context, error);
      await this.tellUnsent(context, error);
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
      if (isLoss(error) || (closing && !stream.begun)) return await this.giveBack(context, error);
      await this.tellUnsent(context, error);
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
      running = this.onProcessingEndHook === undefined ? run() : this.runToEnd(context, run);
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

  /** The reply is lost or was not started. The request is requeued, after a pause if it was redelivered before. */
  private giveBack(context: AmqpRpcContext, error: unknown): Promise<void> {
    const requeue = new RequeueMessage('the request could not be answered', { cause: error });
    return context.route.settler.settle(context.delivery, failureOf(requeue));
  }

  /** The reply cannot be sent. If the reply itself is the cause, the requester gets an error instead. */
  private async tellUnsent(context: AmqpRpcContext, error: unknown): Promise<void> {
    this.logUnsent(context, error);
    if (!(error instanceof ServerClosingError || error instanceof ReplyRefusedError)) return;
    const end = { err: { status: 'error', message: error.message }, isDisposed: true };
    await context.route.replies.send(end, context.properties).catch(() => {});
  }

  private logUnsent(context: AmqpRpcContext, error: unknown): void {
    const pattern = quoted(context.getPattern());
    this.lines.warn(
      `No reply to ${describeMessage(context.delivery)}, pattern ${pattern}: ${describeError(error)}`,
      fieldsOf(context),
    );
  }
}

function fieldsOf({ queue, delivery, properties }: AmqpRpcContext): LogFields {
  return { queue, messageId: messageIdOf(delivery), correlationId: properties.correlationId };
}

/** Returns any result of a deserializer as a packet. */
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

function eventFailed(pattern: string, thrown: unknown): EventFailedError {
  return new EventFailedError(`${quoted(pattern)}: ${reasonOf(thrown)}`);
}
