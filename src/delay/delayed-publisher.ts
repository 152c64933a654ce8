import {
  CHECKED_AT,
  ConfigurationError,
  EncodingError,
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
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
/** ms. */
const DEFAULT_TIMEOUT = 30_000;

/** A message whose options are checked. */
export interface DelayedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: BasicPublishOptions & { readonly [CHECKED_AT]?: number };
  /** ms. */
  readonly delay: number;
}

/** The publisher that sends the messages. */
export interface DelaySender {
  readonly clock: Clock;
  /** ms. Default 30 s. */
  readonly timeout?: number | undefined;
  /** With `'fail'`, a publish is refused while {@link isAvailable} returns false. Default `'wait'`. */
  readonly whenUnavailable?: 'wait' | 'fail' | undefined;
  isAvailable(): boolean;
  publish(exchange: string, routingKey: string, body: Uint8Array, options: BasicPublishOptions): Promise<number>;
}

/** Publishes messages to the staircase, which carries them to their destination when their delay is over. */
export class DelayedPublisher {
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
    for (let attempt = 1; ; attempt++) {
      const room = await this.provide(destination, levels, properties, start);
      const size = headerSize(headers) + (levels.length + 1) * (DEATH + routingKey.length);
      if (size > room) throw new EncodingError(tooLarge(size, room));
      try {
        return await sender.publish(first, routingKey, body, { ...properties, headers, mandatory: true });
      } catch (error) {
        if (attempt === ATTEMPTS || !isWorthAnother(error)) throw error;
        this.staircase.forget();
        if (error instanceof PublishNackedError) await pause(sender.clock, NOT_READY, properties.signal ?? NEVER);
      }
    }
  }

  private async provide(
    destination: Destination,
    levels: readonly number[],
    { timeout = this.sender.timeout ?? DEFAULT_TIMEOUT, signal }: BasicPublishOptions,
    start: number,
  ): Promise<number> {
    const { clock, whenUnavailable } = this.sender;
    if (whenUnavailable === 'fail' && !this.sender.isAvailable()) {
      throw new PublishRefusedError("not published: the connection is not open (whenUnavailable is 'fail')");
    }
    const limits = { clock, timeout: Math.max(0, start + timeout - clock.now()), signal };
    return within(this.staircase.provide(destination, levels), limits, () => {
      throw new PublishTimeoutError(
        `not published: the queues of the delay were not declared within ${timeout} ms`,
        'not-sent',
      );
    });
  }
}

const NEVER = new AbortController().signal;

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

const tooLarge = (size: number, room: number): string =>
  `the headers of the message may grow to ${size} bytes until its delay is over, and a frame has ${room}`;
