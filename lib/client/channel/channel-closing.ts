import type { Clock } from '../../environment/index.js';
import type { Consumer } from '../consuming/consumer.js';
import type { ConsumerSet } from '../consuming/consumer-set.js';
import type { ClientLogger } from '../link/client-logger.js';
import type { Publisher } from '../publishing/publisher.js';
import { textOf } from '../text-of.js';
import { within } from '../timing/deferred.js';
import { EarliestDeadline } from '../timing/earliest-deadline.js';
import type { ChannelCalls } from './channel-calls.js';

/** Time in ms that waiting publishes get if the channel closes while the broker blocks the connection. */
const BLOCKED_GRACE = 1_000;

/** The part of a channel that its graceful end uses. */
export interface ClosingChannel {
  readonly id: number;
  readonly isOpen: boolean;
  /** True if the channel has publishes that wait, or consumers. */
  readonly drains: boolean;
  readonly closed: Promise<unknown>;
  /** The reason why the broker has blocked the connection; undefined if it has not. */
  readonly blocked: string | undefined;
  readonly consumers: ConsumerSet;
  readonly publisher: Publisher;
  readonly calls: ChannelCalls;
  /** Flushes the settlements and closes the channel at the broker. */
  sayGoodbye(): Promise<void>;
  finish(error: undefined): void;
}

/** The graceful end of a channel: it cancels consumers, waits for running handlers and confirms, and flushes acks. */
export class ChannelClosing {
  private readonly deadline: EarliestDeadline;
  /** True once a caller has asked for an end at once. */
  private atOnce = false;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly channel: ClosingChannel,
    private readonly clock: Clock,
    private readonly logger: ClientLogger,
  ) {
    this.deadline = new EarliestDeadline(clock, 'its deadline has passed');
  }

  /** @param timeout ms for all steps, 0 for an end at once; of several calls the earliest deadline counts */
  close(timeout: number): Promise<void> {
    this.atOnce ||= timeout === 0;
    this.channel.consumers.excuseCaller();
    this.deadline.within(timeout);
    return (this.closing ??= this.closeOnce());
  }

  private async closeOnce(): Promise<void> {
    const { channel } = this;
    try {
      if (channel.drains) await this.deadline.race<unknown>(this.drain(), channel.closed);
    } catch (error) {
      if (!this.atOnce) this.logger.warn(`channel ${channel.id}: closed at once, not gracefully: ${textOf(error)}`);
    }
    this.deadline.end();
    channel.finish(undefined);
  }

  private async handlersDone(consumers: readonly Consumer[]): Promise<void> {
    await Promise.race([Promise.all(consumers.map((consumer) => consumer.idle())), this.channel.closed]);
  }

  /** No deadline of its own: every wait here ends with the channel. */
  private async drain(): Promise<void> {
    const { channel } = this;
    if (!channel.isOpen) await channel.calls.whenOpen('close', { timeout: Infinity });
    const consumers = channel.consumers.list();
    // RabbitMQ does not read from a blocked connection, so a method that is sent now gets no answer.
    const unheard = channel.blocked !== undefined;
    if (unheard) channel.consumers.leaveUnheard();
    // Consumers on hold end with the channel: the broker requeues their waiting deliveries at once, at their places.
    const cancelled = consumers.filter(({ heldBack }) => !unheard && !heldBack);
    await Promise.all(cancelled.map((consumer) => consumer.cancel({ timeout: Infinity })));
    do {
      await this.handlersDone(consumers);
      await this.publishesSettled(unheard ? BLOCKED_GRACE : Infinity);
      // Consumers that the broker still has may have started other handlers meanwhile.
    } while (unheard && channel.isOpen && consumers.some(({ busy }) => busy));
    // The deadline may have passed meanwhile. Then the channel number is free or used by another channel.
    if (channel.isOpen) await channel.sayGoodbye();
    // The broker delivers to them until it reads the goodbye.
    if (unheard) await this.handlersDone(consumers);
  }

  private async publishesSettled(timeout: number): Promise<void> {
    const late = 'publishes have no outcome yet, and get none from here on';
    await within(this.channel.publisher.whenSettled(), this.clock, { timeout }, late).catch((error: unknown) => {
      this.logger.warn(`channel ${this.channel.id}: ${textOf(error)}`);
    });
  }
}
