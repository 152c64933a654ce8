import type { Duplex } from 'node:stream';
import { connect, type Channel } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';

const QUEUE = 'witness';

/** A connection that publishes and consumes while others misbehave. They must not affect it. */
export class Witness {
  private readonly got: string[] = [];
  private sent = 0;
  private confirmed = 0;
  private failure: unknown;

  private constructor(private readonly channel: Channel) {}

  static async open(url: string, clock: Clock, dial: () => Promise<Duplex>): Promise<Witness> {
    const connection = await connect({ urls: url, clock, reconnect: false, heartbeat: 0, createSocket: dial });
    const channel = await connection.openChannel({ confirm: true, restore: false });
    await channel.queueDeclare(QUEUE);
    const witness = new Witness(channel);
    await channel.basicConsume(QUEUE, (delivery) => {
      witness.got.push(delivery.text());
      delivery.ack();
    });
    return witness;
  }

  /** Publishes one more message. */
  act(): void {
    this.channel.publish('', QUEUE, `${++this.sent}`).then(
      () => void this.confirmed++,
      (error: unknown) => (this.failure ??= error),
    );
  }

  /** All messages are confirmed and delivered. */
  get isWell(): boolean {
    return this.confirmed === this.sent && this.got.length === this.sent;
  }

  /** Checks that each message came once and in order. @throws Error that names the fault */
  check(): void {
    if (this.failure !== undefined) throw new Error('the witness was refused', { cause: this.failure });
    const wrong = this.got.findIndex((text, index) => text !== `${index + 1}`);
    if (wrong >= 0) throw new Error(`the witness got ${this.got[wrong]}, where ${wrong + 1} was next`);
    if (!this.isWell)
      throw new Error(`the witness sent ${this.sent}; ${this.confirmed} are confirmed, ${this.got.length} have come`);
    this.got.length = this.sent = this.confirmed = 0;
  }
}
