import { WireError } from '../../protocol/errors.js';
import type { ClientLogger } from '../link/connection-options.js';

/** What settlements are written to: the channel of one generation. */
export interface SettlementSink {
  ack(deliveryTag: number, multiple: boolean): void;
  nack(deliveryTag: number, multiple: boolean, requeue: boolean): void;
  /** Calls `flush` before the next flush of the connection. */
  atFlush(flush: () => void): void;
  readonly logger: ClientLogger;
}

const DONE = 0;
const OUTSTANDING = 1;
const ACKED = 2;

/**
 * The deliveries of one generation of a channel, and their settling. Acks gather for a tick; those without a gap from
 * the oldest delivery go out as one `multiple` ack. The generation ends with its channel: the broker has requeued what
 * was not settled, and settling it then is nothing but a line in the log.
 *
 *     outstanding ──ack()──▶ acked ──flush──▶ done
 *          └──nack()/reject()────────────────▶ done
 */
export class Settlements {
  private states = new Uint8Array(64);
  private lowest = 1;
  private next = 1;
  /** Automatic deliveries since the last that is not: so many tags may be missing. */
  private skippable = 0;
  private acked: number[] = [];
  private stale = false;
  private recovering = false;

  constructor(private readonly sink: SettlementSink) {}

  /**
   * A delivery has come. `automatic`: without acknowledgement, so there is nothing to settle.
   *
   * @throws WireError for a tag out of turn: they count up by one, automatic ones included; but not all of them, for
   *   RabbitMQ gives a direct reply the next tag and the same to what follows
   */
  delivered(deliveryTag: number, automatic: boolean): void {
    if (automatic) {
      this.skippable++;
      return;
    }
    const skipped = deliveryTag - this.next;
    if (skipped < 0 || skipped > this.skippable) {
      throw new WireError('COMMAND_INVALID', `delivery tag ${deliveryTag} where ${this.next} was due`);
    }
    this.skippable = 0;
    while (this.next < deliveryTag) this.append(DONE);
    this.append(this.recovering ? DONE : OUTSTANDING);
  }

  ack(deliveryTag: number, multiple: boolean): void {
    if (this.ignored('ack', deliveryTag)) return;
    if (multiple) {
      this.flush();
      this.finishUpTo(deliveryTag);
      this.sink.ack(deliveryTag, true);
      return;
    }
    this.mark(deliveryTag, ACKED);
    if (this.acked.push(deliveryTag) === 1) this.sink.atFlush(() => this.flush());
  }

  nack(deliveryTag: number, multiple: boolean, requeue: boolean): void {
    if (this.ignored('nack', deliveryTag)) return;
    if (multiple) {
      this.flush();
      this.finishUpTo(deliveryTag);
    } else this.mark(deliveryTag, DONE);
    this.sink.nack(deliveryTag, multiple, requeue);
  }

  /** Writes the acks that have gathered. */
  flush(): void {
    const { acked } = this;
    if (acked.length === 0 || this.stale) return;
    this.acked = [];
    let last = 0;
    let covered = 0;
    for (; this.lowest < this.next && this.state(this.lowest) !== OUTSTANDING; this.lowest++) {
      if (this.state(this.lowest) !== ACKED) continue;
      this.mark(this.lowest, DONE);
      last = this.lowest;
      covered++;
    }
    if (covered > 0) this.sink.ack(last, covered > 1);
    for (const tag of acked) {
      if (tag < this.lowest) continue;
      this.mark(tag, DONE);
      this.sink.ack(tag, false);
    }
  }

  /** basic.recover has given all unsettled deliveries back: their tags are void. */
  forgetAll(): void {
    this.flush();
    this.finishUpTo(this.next - 1);
  }

  /** basic.recover is being sent: what comes before its answer left the broker before it, and goes back as well. */
  beginRecover(): void {
    this.forgetAll();
    this.recovering = true;
  }

  endRecover(): void {
    this.recovering = false;
  }

  /** The generation is over. */
  end(): void {
    this.stale = true;
  }

  private ignored(what: string, deliveryTag: number): boolean {
    if (!this.stale && deliveryTag >= this.lowest && this.state(deliveryTag) === OUTSTANDING) return false;
    this.sink.logger.debug?.(
      `${what} of delivery ${deliveryTag} ignored: its channel was reopened meanwhile, and the broker has requeued the message`,
    );
    return true;
  }

  private finishUpTo(deliveryTag: number): void {
    for (let tag = this.lowest; tag <= deliveryTag; tag++) this.mark(tag, DONE);
  }

  private state(deliveryTag: number): number {
    return this.states[deliveryTag & (this.states.length - 1)]!;
  }

  private mark(deliveryTag: number, state: number): void {
    this.states[deliveryTag & (this.states.length - 1)] = state;
  }

  private append(state: number): void {
    const deliveryTag = this.next++;
    if (this.next - this.lowest > this.states.length) this.grow();
    this.mark(deliveryTag, state);
  }

  private grow(): void {
    while (this.lowest < this.next - 1 && this.state(this.lowest) === DONE) this.lowest++;
    if (this.next - this.lowest <= this.states.length) return;
    const old = this.states;
    this.states = new Uint8Array(old.length * 2);
    for (let tag = this.lowest; tag < this.next - 1; tag++) this.mark(tag, old[tag & (old.length - 1)]!);
  }
}
