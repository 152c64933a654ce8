import { FieldLogger } from '../../common/field-logger.js';
import { ChannelClosedError, ChannelError, MessageReturnedError, type Delivery } from '../../../lib/client/index.js';
import type { PublisherChannel } from '../../publishers/publisher-channel.js';
import { tellsUndelivered } from '../../rpc/direct-reply-to.js';
import { toldError, type RpcErrors, type Telling } from '../../rpc/told-error.js';
import { encodeErrorReply, encodeReply, type EncodedReply } from '../../rpc/rpc-wire.js';
import type { Result } from './delivery.sink.js';
import { describeError, describeMessage, messageIdOf } from '../../common/log-text.js';
import { MessageSink, type Handled, type MessageParts } from './message.sink.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { failureOf, type Failure, type Outcome } from '../../settlement/outcome.js';
import { RejectMessage, RequeueMessage, RetryMessage } from '../../settlement/settlement.errors.js';

/** A request, whose sender waits for the reply. */
interface Request {
  readonly replyTo: string;
  readonly correlationId: string | undefined;
  readonly errors: RpcErrors;
}

/** The parts of an RPC consumer. */
export interface RpcParts extends MessageParts {
  /** `PriceService.price` */
  readonly name: string;
  readonly queue: string;
  readonly replies: PublisherChannel;
  /** Returns false for a message whose handler sends no reply, where handlers of both kinds share the consumer. */
  readonly answers?: ((context: AmqpContext) => boolean) | undefined;
  /** Returns what the requester learns of an error of the handler that gets the message. */
  readonly errorsOf: (context: AmqpContext) => RpcErrors;
  /** Creates the id of an error that the reply hides. */
  readonly newErrorId: () => string;
}

/** Handles each request alone, and sends the reply before the request is settled. */
export class RpcSink extends MessageSink {
  private readonly logger = new FieldLogger('AmqpConsumer');

  constructor(private readonly rpc: RpcParts) {
    super(rpc);
  }

  protected override async conclude(handled: Handled, delivery: Delivery): Promise<Result> {
    // The request is delivered again and answered then.
    if (this.settler.isStale(delivery)) return 'abandoned';
    const request = this.requestOf(delivery);
    const outcome = request && !comesAgain(handled) ? await this.answer(request, handled, delivery) : handled;
    const settled = this.settler.settle(delivery, outcome);
    if (outcome.ok) return 'done';
    await settled;
    return 'failed';
  }

  private requestOf(delivery: Delivery): Request | undefined {
    try {
      const context = this.settler.contextOf(delivery);
      const { replyTo, correlationId } = context.properties;
      if (replyTo === undefined || replyTo === '' || this.rpc.answers?.(context) === false) return undefined;
      return { replyTo, correlationId, errors: this.rpc.errorsOf(context) };
    } catch {
      // The properties are malformed, so the address of the reply is unknown.
      return undefined;
    }
  }

  /** Never rejects. Resolves with the outcome that settles the request. */
  private async answer(request: Request, handled: Handled, delivery: Delivery): Promise<Outcome> {
    if (!handled.ok) return this.answerFailure(request, handled, delivery);
    let reply: EncodedReply;
    try {
      reply = encodeReply(this.rpc.serializers, handled.value);
    } catch (error) {
      // The value cannot be encoded, so the reply is this error.
      return this.answerFailure(request, failureOf(error), delivery);
    }
    const refusal = await this.send(request, reply, delivery);
    // The requester would wait in vain: an error is small enough.
    return refusal ? this.answerFailure(request, failureOf(refusal), delivery) : handled;
  }

  private async answerFailure(request: Request, failure: Failure, delivery: Delivery): Promise<Failure> {
    const told = toldError(failure.error, this.telling(request, delivery));
    await this.send(request, encodeErrorReply(told), delivery);
    const settled = { ...failure, errorId: told.id };
    return failure.error instanceof RejectMessage ? settled : { ...settled, answered: true };
  }

  private telling({ errors, correlationId }: Request, delivery: Delivery): Telling {
    const { queue, name, newErrorId } = this.rpc;
    const onMapperError = (error: unknown): void =>
      this.logger.error(
        `The function that maps errors for the reply to ${describeMessage(delivery)} of queue '${queue}' has failed: ` +
          `${describeError(error)}; the requester learns of an internal error`,
        { queue, handler: name, messageId: messageIdOf(delivery), correlationId },
      );
    return { errors, newId: newErrorId, onMapperError };
  }

  /** Never rejects. Resolves with the broker's error if it refuses this reply, for example for its size. */
  private async send(
    { replyTo, correlationId }: Request,
    reply: EncodedReply,
    delivery: Delivery,
  ): Promise<ChannelError | undefined> {
    const { contentType, headers } = reply.properties;
    try {
      const mandatory = tellsUndelivered(replyTo);
      await this.rpc.replies.publish('', replyTo, reply.body, { contentType, headers, correlationId, mandatory });
    } catch (error) {
      const { queue, name } = this.rpc;
      const message = `${describeMessage(delivery)} of queue '${queue}', answered by ${name}`;
      const fields = { queue, handler: name, messageId: messageIdOf(delivery), correlationId };
      if (error instanceof MessageReturnedError) this.logger.warn(`Nobody waits for the reply to ${message}`, fields);
      else this.logger.error(`The reply to ${message} could not be sent: ${describeError(error)}`, fields);
      return error instanceof ChannelError && !(error instanceof ChannelClosedError) ? error : undefined;
    }
    return undefined;
  }
}

function comesAgain(handled: Handled): boolean {
  return !handled.ok && (handled.error instanceof RequeueMessage || handled.error instanceof RetryMessage);
}
