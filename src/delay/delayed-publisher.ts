import {
  ChannelClosedError,
  CHECKED_AT,
  ConfigurationError,
  ConnectionClosedError,
  ConnectionLostError,
  EncodingError,
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  publishDefaults,
  type BasicPublishOptions,
  type FieldTable,
} from '../../lib/client/index.js';
import { pause, within, type Clock } from '../../lib/environment/index.js';
import { headerSize } from '../common/header-size.js';
import type { DeclaredStaircase } from './declared-staircase.js';
import { levelHeader, levelName, TO_HEADER } from './delay-names.js';
import { destinationOf, landingOf, levelsOf, type Destination } from './staircase.js';
import { withoutDelay } from './without-delay.js';

/** Attempts at one publish. What is missing is declared again between them. */
const ATTEMPTS = 3;
/** Wait for a quorum queue that has just been declared and takes no messages yet, ms. */
const NOT_READY = 250;
/** Bytes that the broker adds to the headers in each queue, without the routing key. */
const DEATH = 250;
/** This many may wait whatever the limit is, since the first publish always waits for the declarations. */
const ALWAYS = 100;

/** A message whose options are checked. */
export interface DelayedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: BasicPublishOptions & { readonly [CHECKED_AT]?: number };
  /** ms. */
  readonly delay: number;
}

/** How long a publish may take. */
interface Terms {
  /** ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Clock time, ms. */
  readonly end: number;
}

/** The publisher that sends the messages. */
export interface DelaySender {
  readonly clock: Clock;
  /** ms. Default: that of the client core, as for the limits below. */
  readonly timeout?: number | undefined;
  /** Limits of the publishes whose queues are not declared yet, by number and by bytes of their bodies. */
  readonly maxWaiting?: number | undefined;
  readonly maxWaitingBytes?: number | undefined;
  /** With `'fail'`, a publish is refused while {@link isAvailable} returns false. Default `'wait'`. */
  readonly whenUnavailable?: 'wait' | 'fail' | undefined;
  isAvailable(): boolean;
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number>;
}

/** Publishes messages to the staircase, which carries them to their destination when their delay is over. */
export class DelayedPublisher {
  private readonly stop = new AbortController();
  private readonly waiting = { count: 0, bytes: 0 };

  constructor(
    private readonly staircase: DeclaredStaircase,
    private readonly sender: DelaySender,
  ) {}

  /**
   * Resolves with the delivery tag when the first level has the message.
   *
   * @throws ConfigurationError for properties that a delayed message cannot have; nothing was sent
   * @throws NotFoundError if the destination does not exist; nothing was sent
   * @throws TopologyError if the staircase cannot be declared; nothing was sent
   * @throws the errors of the sender
   */
  async publish(message: DelayedMessage): Promise<number> {
    const { exchange, routingKey, body, properties, delay } = message;
    const { sender } = this;
    const given = properties.headers as FieldTable | undefined;
    refuseUnfit(properties.expiration, given);
    const start = properties[CHECKED_AT] ?? sender.clock.now();
    const destination = destinationOf(exchange, routingKey);
    const levels = levelsOf(delay);
    const headers = addressed(given, destination, levels);
    const first = levelName(levels[0]!);
    const { timeout = sender.timeout ?? publishDefaults.publishTimeout } = properties;
    const signal = properties.signal ? AbortSignal.any([properties.signal, this.stop.signal]) : this.stop.signal;
    const terms = { timeout, signal, end: start + timeout };
    let failure: unknown;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const room = await this.whileWaiting(body, () => this.provide(destination, levels, terms)).catch(
        (error: unknown) => {
          throw failure ?? error;
        },
      );
      const size = headerSize(headers) + (levels.length + 1) * (DEATH + routingKey.length);
      if (size > room) throw new EncodingError(outgrown(size, room));
      try {
        return await sender.publish(first, routingKey, body, { ...properties, headers, mandatory: true });
      } catch (error) {
        failure = error;
        if (!isWorthAnother(error) || sender.clock.now() + NOT_READY >= terms.end) break;
        this.staircase.forget();
        if (error instanceof PublishNackedError) await pause(sender.clock, NOT_READY, signal);
      }
    }
    throw failure;
  }

  /** @throws PublishRefusedError if too many publishes wait already */
  private async whileWaiting<T>(body: Uint8Array, work: () => Promise<T>): Promise<T> {
    const { waiting, sender } = this;
    const { maxWaiting = publishDefaults.maxWaiting, maxWaitingBytes = publishDefaults.maxWaitingBytes } = sender;
    const tooLarge = waiting.count > 0 && waiting.bytes + body.length > maxWaitingBytes;
    if (waiting.count >= Math.max(maxWaiting, ALWAYS) || tooLarge) {
      throw new PublishRefusedError(`not published: ${waiting.count} delayed publishes wait already for their queues`);
    }
    waiting.count++;
    waiting.bytes += body.length;
    try {
      return await work();
    } finally {
      waiting.count--;
      waiting.bytes -= body.length;
    }
  }

  /** Rejects the publishes whose queues are not declared yet. Those that were sent go on. */
  close(): void {
    this.stop.abort(new ConnectionClosedError('not published: the publisher was closed'));
  }

  private async provide(
    destination: Destination,
    levels: readonly number[],
    { timeout, signal, end }: Terms,
  ): Promise<number> {
    const { clock, whenUnavailable } = this.sender;
    for (;;) {
      if (whenUnavailable === 'fail' && !this.sender.isAvailable()) {
        throw new PublishRefusedError("not published: the connection is not open (whenUnavailable is 'fail')");
      }
      const limits = { clock, timeout: Math.max(0, end - clock.now()), signal };
      const providing = within(this.staircase.provide(destination, levels), limits, () => {
        throw new PublishTimeoutError(
          `not published: the queues of the delay were not declared within ${timeout} ms`,
          'not-sent',
        );
      });
      try {
        return await providing;
      } catch (error) {
        // Nothing was sent, so the publish waits for the connection as others do.
        if (!isLoss(error)) throw error;
        await pause(clock, Math.min(NOT_READY, Math.max(0, end - clock.now())), signal);
      }
    }
  }
}

/** True if the connection or channel was lost, also as the reason of a failed declaration. */
function isLoss(error: unknown): boolean {
  if (error instanceof ConnectionLostError || error instanceof ChannelClosedError) return true;
  return error instanceof Error && error.cause !== undefined && isLoss(error.cause);
}

/** What was declared before may have been deleted, and a quorum queue may take a moment until it accepts messages. */
function isWorthAnother(error: unknown): boolean {
  return error instanceof MessageReturnedError || error instanceof NotFoundError || error instanceof PublishNackedError;
}

function addressed(headers: FieldTable | undefined, destination: Destination, levels: readonly number[]): FieldTable {
  const all: FieldTable = { ...withoutDelay(headers), [TO_HEADER]: landingOf(destination) };
  for (const level of levels) all[levelHeader(level)] = true;
  return all;
}

/** @throws ConfigurationError */
function refuseUnfit(expiration: unknown, headers: FieldTable = {}): void {
  const unfit = expiration === undefined ? ['CC', 'BCC'].find((name) => headers[name] !== undefined) : 'expiration';
  if (unfit === undefined) return;
  const what = unfit === 'expiration' ? unfit : `the header ${unfit}`;
  throw new ConfigurationError(
    `publish: ${what} cannot be combined with delay and at, since it would take effect while the message waits`,
  );
}

const outgrown = (size: number, room: number): string =>
  `the headers of the message may grow to ${size} bytes until its delay is over, and a frame has ${room}`;
