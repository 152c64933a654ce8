import { WireError } from '../../protocol/errors.js';
import type { BrokerPeer } from '../tracing.js';
import type { ClientLogger } from '../link/client-logger.js';

/** The channel of one generation, to which settlements are written. */
export interface SettlementSink {
  ack(deliveryTag: number, multiple: boolean): void;
  nack(deliveryTag: number, multiple: boolean, requeue: boolean): void;
  /** Calls `flush` before the next flush of the connection. */
  atFlush(flush: () => void): void;
  readonly logger: ClientLogger;
  /** The broker of this generation. */
  readonly peer?: BrokerPeer | undefined;
}

const DONE = 0;
const OUTSTANDING = 1;
const ACKED = 2;

/**
 * The deliveries of one generation of a channel, and their settlement. Acks are gathered for a tick; acks without an
 * outstanding delivery before them are sent as one `multiple` ack. The generation ends with its channel. The broker
 * then requeues unsettled deliveries, and settling one of them only writes a line to the log.
 *
 *     outstanding ──ack()──▶ acked ──flush──▶ done
 *          └──nack()/reject()────────────────▶ done
 *
 * Deliveries are stored in a ring, in their order, with their tags, which may have gaps.
 *
 *     positions   lowest ………………………………… next-1
 *     rings       [position & mask]: state, tag
 */
export class Settlements {
  private states = new Uint8Array(64);
  private tags = new Float64Array(64);
  private lowest = 0;
  private next = 0;
  /** The last tag of a delivery with acknowledgement. */
  private lastTag = 0;
  private acked: number[] = [];
  private stale = false;
  /** Number of pending basic.recover calls. */
  private recovers = 0;

  constructor(private readonly sink: SettlementSink) {}

  /**
   * Records a delivery. An `automatic` one needs no acknowledgement, and its tag has no meaning: RabbitMQ gives a
   * direct reply the next tag, and the following delivery the same tag.
   *
   * @throws WireError for a tag that is not greater than the last one (section 1.1.2.3); tags may have gaps
   */
  delivered(deliveryTag: number, automatic: boolean): void {
    if (automatic) return;
    if (deliveryTag <= this.lastTag) {
      throw new WireError('COMMAND_INVALID', `delivery tag ${deliveryTag} after ${this.lastTag}: tags must increase`);
    }
    this.lastTag = deliveryTag;
    this.append(deliveryTag, this.recovers > 0 ? DONE : OUTSTANDING);
  }

  ack(deliveryTag: number, multiple: boolean): void {
    const position = this.outstanding('ack', deliveryTag);
    if (position < 0) return;
    if (multiple) {
      this.flush();
      this.finishUpTo(position);
      this.writeAck(deliveryTag, true);
      return;
    }
    this.mark(position, ACKED);
    if (this.acked.push(deliveryTag) === 1) this.sink.atFlush(() => this.flush());
  }

  nack(deliveryTag: number, multiple: boolean, requeue: boolean): void {
    const position = this.outstanding('nack', deliveryTag);
    if (position < 0) return;
    if (multiple) {
      this.flush();
      this.finishUpTo(position);
    } else this.mark(position, DONE);
    // The flush may have ended the generation.
    if (!this.stale) this.sink.nack(deliveryTag, multiple, requeue);
  }

  /** Writes the gathered acks. */
  flush(): void {
    const { acked } = this;
    if (acked.length === 0) return;
    this.acked = [];
    let last = 0;
    let covered = 0;
    for (; this.lowest < this.next && this.state(this.lowest) !== OUTSTANDING; this.lowest++) {
      if (this.state(this.lowest) !== ACKED) continue;
      this.mark(this.lowest, DONE);
      last = this.tag(this.lowest);
      covered++;
    }
    if (covered > 0) this.writeAck(last, covered > 1);
    for (const tag of acked) {
      if (tag <= last) continue;
      this.mark(this.positionOf(tag), DONE);
      this.writeAck(tag, false);
    }
  }

  /**
   * The generation may have ended since the acks were gathered, or with an earlier ack of the flush: a socket may answer from
   * within a write.
   */
  private writeAck(deliveryTag: number, multiple: boolean): void {
    if (!this.stale) this.sink.ack(deliveryTag, multiple);
  }

  /** Called when basic.recover has requeued all unsettled deliveries. Their tags are void. */
  private forgetAll(): void {
    this.flush();
    this.finishUpTo(this.next - 1);
  }

  /** Called when basic.recover is sent. Deliveries before its answer left the broker earlier, and are requeued, too. */
  beginRecover(): void {
    this.forgetAll();
    this.recovers++;
  }

  endRecover(): void {
    this.recovers--;
  }

  /** Ends the generation. Nothing is settled any more. */
  end(): void {
    this.stale = true;
  }

  get peer(): BrokerPeer | undefined {
    return this.sink.peer;
  }

  /** True after the end of the generation. */
  get ended(): boolean {
    return this.stale;
  }

  /** Returns the position of an outstanding delivery tag. Logs a line and returns -1 if it cannot be settled any more. */
  private outstanding(what: string, deliveryTag: number): number {
    const position = this.stale ? -1 : this.positionOf(deliveryTag);
    if (position >= 0 && this.state(position) === OUTSTANDING) return position;
    this.sink.logger.debug?.(
      `${what} of delivery ${deliveryTag} ignored: its channel was reopened meanwhile, and the broker has requeued the message`,
    );
    return -1;
  }

  /** Returns the position of a tag in the ring; -1 if it is not there. */
  private positionOf(deliveryTag: number): number {
    if (this.lowest === this.next) return -1;
    let from = this.lowest;
    // The position of the tag if no tag is missing. It cannot be greater.
    const straight = from + deliveryTag - this.tag(from);
    if (straight < from) return -1;
    if (straight < this.next && this.tag(straight) === deliveryTag) return straight;
    let to = Math.min(straight, this.next - 1);
    while (from <= to) {
      const middle = Math.floor((from + to) / 2);
      const tag = this.tag(middle);
      if (tag === deliveryTag) return middle;
      if (tag < deliveryTag) from = middle + 1;
      else to = middle - 1;
    }
    return -1;
  }

  private finishUpTo(position: number): void {
    for (let at = this.lowest; at <= position; at++) this.mark(at, DONE);
    this.lowest = Math.max(this.lowest, position + 1);
  }

  private state(position: number): number {
    return this.states[position & (this.states.length - 1)]!;
  }

  private tag(position: number): number {
    return this.tags[position & (this.tags.length - 1)]!;
  }

  private mark(position: number, state: number): void {
    this.states[position & (this.states.length - 1)] = state;
  }

  private append(deliveryTag: number, state: number): void {
    if (this.next - this.lowest >= this.states.length) this.makeRoom();
    const at = this.next++ & (this.states.length - 1);
    this.states[at] = state;
    this.tags[at] = deliveryTag;
  }

  /**
   * Drops settled deliveries, and doubles the ring if more than half of it is in use. So a delivery that is never
   * settled does not hold others.
   */
  private makeRoom(): void {
    const { states, tags, lowest, next } = this;
    const kept: number[] = [];
    for (let at = lowest; at < next; at++) if (this.state(at) !== DONE) kept.push(at & (states.length - 1));
    const size = kept.length > states.length / 2 ? states.length * 2 : states.length;
    this.states = new Uint8Array(size);
    this.tags = new Float64Array(size);
    kept.forEach((old, at) => {
      this.states[at] = states[old]!;
      this.tags[at] = tags[old]!;
    });
    this.lowest = 0;
    this.next = kept.length;
  }
}
