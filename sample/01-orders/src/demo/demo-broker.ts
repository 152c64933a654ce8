import { Injectable, Logger } from '@nestjs/common';
import { EmbeddedBroker } from 'nest-amqp/broker';

/** The broker of the sample: that of AMQP_URL; without it, an embedded one in this process. */
@Injectable()
export class DemoBroker {
  private constructor(
    readonly url: string,
    /** For the page. */
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

  /** True if `takeAway` works. */
  get isEmbedded(): boolean {
    return this.embedded !== undefined;
  }

  /** Resets all connections and answers nobody for so many ms. Queues and messages stay. */
  takeAway(ms: number): void {
    this.embedded?.faults.drop('reset');
    this.embedded?.faults.stall();
    setTimeout(() => this.embedded?.faults.resume(), ms).unref();
  }
}
