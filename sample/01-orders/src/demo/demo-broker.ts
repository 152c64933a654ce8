import { Injectable, Logger } from '@nestjs/common';
import { EmbeddedBroker } from 'nest-amqp/broker';

/** The broker of the sample: the one of AMQP_URL, or else an embedded broker in this process. */
@Injectable()
export class DemoBroker {
  private constructor(
    readonly url: string,
    /** The name that the page shows. */
    readonly name: string,
    private readonly embedded?: EmbeddedBroker,
  ) {}

  static async start(): Promise<DemoBroker> {
    const url = process.env['AMQP_URL'];
    if (url) return new DemoBroker(url, `the broker at ${new URL(url).host}`);
    const broker = await EmbeddedBroker.start();
    new Logger('Broker').log(`AMQP_URL is not set: an embedded broker, for development, on ${broker.url}`);
    return new DemoBroker(broker.url, 'the embedded broker of this process (in memory, for development)', broker);
  }

  /** Whether `takeAway` works. */
  get isEmbedded(): boolean {
    return this.embedded !== undefined;
  }

  /** Resets all connections and answers none for `ms` milliseconds. Queues and messages stay. */
  takeAway(ms: number): void {
    this.embedded?.faults.drop('reset');
    this.embedded?.faults.stall();
    setTimeout(() => this.embedded?.faults.resume(), ms).unref();
  }
}
