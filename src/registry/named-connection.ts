import { Logger } from '@nestjs/common';
import { Backoff, pause } from '../../lib/environment/index.js';
import { count, PREFETCH } from '../common/count.js';
import { timeLimit } from '../common/duration.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import { MessageSerializers } from '../serialization/message-serializers.js';
import { AmqpConnections } from '../connection/amqp-connections.js';
import type { AmqpModuleOptions } from './amqp-module.options.js';
import { ConnectionEvents } from '../connection/connection-events.js';
import { checkedPublisherOptions, type CheckedPublisherOptions } from '../publishers/publisher-options.js';
import type { Environment } from '../common/environment.js';

/** Between attempts at what is to be done as soon as the broker is there, ms. */
const RETRY_DELAY = { first: 1_000, max: 30_000 } as const;

const DEFAULT_PREFETCH = 10;
/** In ms. */
const DEFAULT_GRACE_PERIOD = 10_000;

/** All that one `AmqpModule.forRoot()` provides, under the name it was given. */
export class NamedConnection {
  readonly connections: AmqpConnections;
  readonly serializers: MessageSerializers;
  readonly events = new ConnectionEvents();
  readonly publisher: ConfirmingPublisher;
  /** Of publishers that are told nothing else. */
  readonly publishing: CheckedPublisherOptions;
  /** Of consumers that are told nothing else. */
  readonly prefetch: number;
  /** In ms. */
  readonly gracePeriod: number;
  private readonly logger = new Logger('AmqpConnection');
  private readonly stop = new AbortController();
  private readonly publishers: ConfirmingPublisher[] = [];

  /** @throws ConfigurationError */
  constructor(
    readonly name: string,
    readonly options: AmqpModuleOptions,
  ) {
    const { prefetch = DEFAULT_PREFETCH, gracePeriod = DEFAULT_GRACE_PERIOD, publishing = {} } = options;
    this.prefetch = count(prefetch, 'AmqpModule.forRoot(): prefetch', PREFETCH);
    this.gracePeriod = timeLimit(gracePeriod, 'AmqpModule.forRoot(): gracePeriod');
    this.publishing = checkedPublisherOptions('AmqpModule.forRoot(): publishing', publishing);
    this.connections = new AmqpConnections(name, options);
    this.serializers = new MessageSerializers(options);
    this.publisher = this.createPublisher();
  }

  /** Time and chance, from the connection's options. */
  get environment(): Environment {
    return this.connections.environment;
  }

  /** @throws what {@link AmqpConnections.open} throws, unless it may take its time */
  async start(): Promise<void> {
    const opening = this.connections.open();
    if (this.options.startup !== 'background') await opening;
  }

  /** A publisher with a channel of its own. What it is not told is the connection's. */
  createPublisher(options: CheckedPublisherOptions = {}): ConfirmingPublisher {
    const publisher = new ConfirmingPublisher(this, { ...this.publishing, ...options });
    this.publishers.push(publisher);
    return publisher;
  }

  /**
   * Does what needs the broker. With `startup: 'wait'` that is part of the application's start, and fails it. With
   * `'background'` it resolves at once; the work is done when the broker is there, and again later when it fails.
   */
  async whenOpen(work: () => Promise<void>): Promise<void> {
    if (this.options.startup === 'background') void this.inBackground(work);
    else await work();
  }

  /** Confirms that are due are waited for, within their deadlines. May be called again. */
  async close(): Promise<void> {
    this.stop.abort();
    this.connections.giveUp();
    await Promise.all(this.publishers.map((publisher) => publisher.close()));
    await this.connections.close();
    this.events.complete();
  }

  private async inBackground(work: () => Promise<void>): Promise<void> {
    const { signal } = this.stop;
    const { clock, random } = this.environment;
    const backoff = new Backoff(RETRY_DELAY.first, RETRY_DELAY.max, random);
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) return;
        this.logger.error(error instanceof Error ? error.message : String(error));
      }
      await pause(clock, backoff.next(), signal);
    }
  }
}
