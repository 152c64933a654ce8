import {
  NotFoundError,
  PublishRefusedError,
  PublishTimeoutError,
  type Channel,
  type ChannelOptions,
  type Connection,
  type BasicPublishOptions,
} from '../../lib/client/index.js';
import type { AmqpConnections } from '../connection/amqp-connections.js';
import { untilAborted } from '../common/waiting.js';
import type { CheckedPublisherOptions } from './publisher-options.js';

const TIMEOUT = 30_000;
const MAX_WAITING = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/**
 * A channel to publish on, opened with the first publish. It outlives errors and reconnects; should it close for good, or
 * not open, the next publish opens another. What the channel does for publishes that have to wait is done here as long as
 * there is none.
 *
 * A publish to an exchange that is missing would close the channel, and leave the publishes before it without an answer. So
 * the first one to each exchange asks for it on a channel of its own, and those behind it wait for that, in their order.
 */
export class PublisherChannel {
  private opening: Promise<Channel> | undefined;
  private open: Channel | undefined;
  private connection: Connection | undefined;
  private waiting = 0;
  private waitingBytes = 0;
  /** Those that wait go one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  /** Exchanges that were there when they were asked for. The default exchange always is. */
  private readonly found = new Set<string>();
  /** Exchanges that were missing just now: one answer for all that wait. */
  private readonly missing = new Map<string, NotFoundError>();

  /** @param prepare is done once with each channel, before anything is published on it */
  constructor(
    private readonly connections: Pick<AmqpConnections, 'open' | 'isOpen' | 'environment'>,
    private readonly options: CheckedPublisherOptions,
    private readonly prepare: (channel: Channel) => Promise<void> = () => Promise.resolve(),
  ) {}

  /** Resolves with the delivery tag on the broker's ack. @throws see {@link ConfirmingPublisher.publish} */
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number> {
    const { open } = this;
    if (open && this.waiting === 0 && !this.asksFor(exchange)) return open.publish(exchange, routingKey, body, options);
    return this.publishLater(exchange, routingKey, body, options);
  }

  /** Waits for the confirms that are due. */
  async close(): Promise<void> {
    const channel = await this.opening?.catch(() => undefined);
    await channel?.close();
  }

  private async publishLater(
    exchange: string,
    routingKey: string,
    body: Uint8Array,
    options: BasicPublishOptions,
  ): Promise<number> {
    const { clock } = this.connections.environment;
    const { signal } = options;
    const timeout = options.timeout ?? this.options.timeout ?? TIMEOUT;
    this.admit(body.length);
    signal?.throwIfAborted();
    const deadline = clock.now() + timeout;
    const limit = new AbortController();
    const cancel = clock.after(timeout, () => limit.abort(this.late(exchange)));
    const onAbort = (): void => limit.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.waiting++;
    this.waitingBytes += body.length;
    let sent: Promise<number>;
    try {
      const channel = await untilAborted(this.inTurn(exchange), limit.signal);
      // The deadline is of the whole, and has not passed.
      const left = Math.max(1, deadline - clock.now());
      sent = channel.publish(exchange, routingKey, body, { ...options, timeout: left });
    } finally {
      // Not before it is sent: a publish that comes now must not overtake it.
      this.waiting--;
      this.waitingBytes -= body.length;
      if (this.waiting === 0) this.missing.clear();
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
    return sent;
  }

  /** @throws PublishRefusedError when too much waits already, or nothing is to wait */
  private admit(bytes: number): void {
    const { whenUnavailable, maxWaiting = MAX_WAITING, maxWaitingBytes = MAX_WAITING_BYTES } = this.options;
    const { isOpen } = this.connections;
    if (!isOpen && whenUnavailable === 'fail') {
      throw new PublishRefusedError("not published: there is no connection yet (whenUnavailable is 'fail')");
    }
    // With `maxWaiting: 0` a publish may still wait for channel and exchange, which is but a round trip.
    const most = isOpen ? MAX_WAITING : maxWaiting;
    if (this.waiting >= most || this.waitingBytes + bytes > maxWaitingBytes) {
      throw new PublishRefusedError(
        `not published: ${this.waiting} publishes wait already for the connection; await publishes before you send ` +
          'more, or raise maxWaiting and maxWaitingBytes',
      );
    }
  }

  private late(exchange: string): PublishTimeoutError {
    const reason = this.open
      ? `the broker has not said whether exchange '${exchange}' is there`
      : 'there is no connection yet';
    return new PublishTimeoutError(`not published within the deadline: ${reason}`, 'not-sent');
  }

  private inTurn(exchange: string): Promise<Channel> {
    const turn = this.turn.then(async () => {
      const channel = await this.openOnce();
      if (this.asksFor(exchange)) await this.find(exchange);
      return channel;
    });
    this.turn = turn.catch(() => {});
    return turn;
  }

  /** It is not known to be there, and can be asked for now: while the connection is lost or blocked the channel knows what to do. */
  private asksFor(exchange: string): boolean {
    if (exchange === '' || this.found.has(exchange)) return false;
    return this.connection?.state === 'open' && this.connection.blocked === undefined;
  }

  /** @throws NotFoundError when it is missing. Whatever else goes wrong, the publish itself will tell. */
  private async find(exchange: string): Promise<void> {
    const told = this.missing.get(exchange);
    if (told) throw told;
    try {
      await this.connection!.withScratchChannel((look) => look.exchangeDeclare(exchange, 'direct', { passive: true }));
      this.found.add(exchange);
    } catch (error) {
      if (!(error instanceof NotFoundError)) return;
      this.missing.set(exchange, error);
      throw error;
    }
  }

  private openOnce(): Promise<Channel> {
    if (this.opening) return this.opening;
    const opening = this.openChannel();
    const forget = (): void => {
      if (this.opening !== opening) return;
      this.opening = undefined;
      this.open = undefined;
    };
    void opening.then((channel) => {
      this.open = channel;
      void channel.closed.then(forget);
    }, forget);
    return (this.opening = opening);
  }

  private async openChannel(): Promise<Channel> {
    const { publishing } = await this.connections.open();
    this.connection = publishing;
    const channel = await publishing.openChannel(channelOptions(this.options));
    // An exchange may be deleted, and a broker come back without it.
    channel.on('lost', () => this.found.clear());
    try {
      await this.prepare(channel);
    } catch (error) {
      await channel.close();
      throw error;
    }
    return channel;
  }
}

/** The same under the client's names; what is not given has the client's defaults. */
function channelOptions(options: CheckedPublisherOptions): ChannelOptions {
  const named = {
    publishTimeout: options.timeout,
    maxUnconfirmed: options.maxInFlight,
    maxUnconfirmedBytes: options.maxInFlightBytes,
    maxWaiting: options.maxWaiting,
    maxWaitingBytes: options.maxWaitingBytes,
    whenUnavailable: options.whenUnavailable,
    republishUnconfirmed: options.republishUnconfirmed,
  };
  return { confirm: true, ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) };
}
