import { Injectable, Logger } from '@nestjs/common';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';

/** The broker of the sample: the one of AMQP_URL, or else an embedded broker in this process. */
@Injectable()
export class DemoBroker {
  private rebirth: NodeJS.Timeout | undefined;

  private constructor(
    readonly url: string,
    /** The name that the page shows. */
    readonly name: string,
    private readonly embedded?: EmbeddedBroker,
  ) {}

  static async start(): Promise<DemoBroker> {
    const url = process.env['AMQP_URL'];
    if (url) return new DemoBroker(url, `${await productAt(url)} at ${new URL(url).host}`);
    const broker = await EmbeddedBroker.start();
    new Logger('Broker').log(`AMQP_URL is not set: an embedded broker, for development, on ${broker.url}`);
    return new DemoBroker(broker.url, 'the embedded broker of this process (in memory, for development)', broker);
  }

  /** True if `kill` works. */
  get isEmbedded(): boolean {
    return this.embedded !== undefined;
  }

  /**
   * Crashes the broker and lets it answer nobody for `ms` milliseconds. What RabbitMQ has on disk survives: durable queues and
   * their persistent messages.
   */
  kill(ms: number): void {
    this.embedded?.faults.stall();
    this.embedded?.restart({ keep: 'durable' });
    clearTimeout(this.rebirth);
    this.rebirth = setTimeout(() => this.embedded?.faults.resume(), ms).unref();
  }
}

/** Returns the name that the broker has for itself, such as `RabbitMQ 4.1.0`. */
async function productAt(url: string): Promise<string> {
  try {
    const connection = await connect(url, { reconnect: false });
    const { product, version } = connection.serverProperties;
    await connection.close();
    return `${String(product)} ${String(version)}`;
  } catch {
    // The broker may come later: AmqpModule waits for it, and logs the reason.
    return 'the broker';
  }
}
