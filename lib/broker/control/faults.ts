import { namesOf } from '../../option-names/index.js';
import { checkOneOf, checkShortText, checkTime, checkType, checkWhole, refuseUnknown } from '../checks.js';
import type { Consumer } from '../queue/consumer.js';
import type { Journal } from './journal.js';
import type { Message } from '../queue/message.js';

/** Selects the publishes that a fault affects. Without a property it selects every publish. */
export interface PublishFilter {
  readonly exchange?: string;
  readonly routingKey?: string;
}

/** Selects the connections that a fault affects; all without a property. `name` is the client's `connection_name`. */
export interface ConnectionFilter {
  readonly id?: number;
  readonly name?: string;
}

/** Selects the consumers that `cancelConsumers` ends; all without a property. */
export interface ConsumerFilter {
  readonly queue?: string;
  readonly consumerTag?: string;
}

const OF_PUBLISHES = namesOf({ exchange: 0, routingKey: 0 } satisfies Record<keyof PublishFilter, 0>);
const OF_CONNECTIONS = namesOf({ id: 0, name: 0 } satisfies Record<keyof ConnectionFilter, 0>);
const OF_CONSUMERS = namesOf({ queue: 0, consumerTag: 0 } satisfies Record<keyof ConsumerFilter, 0>);

interface PublishFault extends PublishFilter {
  readonly outcome: 'nacked' | 'returned';
  remaining: number;
}

/** The way in which a connection ends; see `BrokerFaults.drop`. */
export type DropKind = 'close' | 'end' | 'reset' | 'mid-frame';

/** @throws RangeError for an unknown way */
export function checkDropKind(what: string, how: DropKind): void {
  checkOneOf(what, how, ['close', 'end', 'reset', 'mid-frame']);
}

/** The part of a connection that faults use. */
export interface FaultTarget {
  readonly id: number;
  /** The client's `connection_name`, or ''. */
  readonly name: string;
  readonly transport: {
    setStalled(stalled: boolean): void;
    /** @param ms delay of incoming bytes */
    setDelay(ms: number): void;
  };
  drop(how: DropKind): void;
  block(reason: string): void;
  unblock(): void;
  corruptFrame(): void;
  /** Returns the number of cancelled consumers. */
  cancelConsumers(fits: (consumer: Consumer) => boolean): number;
}

/** The part of the broker that faults act on. */
export interface FaultHost {
  readonly journal: Journal;
  sessions(): readonly FaultTarget[];
}

/**
 * Causes faults that no real broker causes on demand. A fault of connections affects the connections that exist now,
 * unless its description says that it stays. Each method returns the number of affected connections or consumers, for a
 * test to check. An unknown property of a filter, and a value that cannot be, is a RangeError.
 */
export class BrokerFaults {
  private publishFaults: PublishFault[] = [];
  private refusals = 0;
  private blockedReason: string | undefined;
  private stalled = false;
  private delayed = 0;

  /** @internal */
  constructor(private readonly host: FaultHost) {}

  /**
   * Ends connections. `close` sends connection.close (320 CONNECTION_FORCED) as an operator does, `end` closes the
   * socket without connection.close, `reset` resets the socket, `mid-frame` closes it in the middle of a frame.
   */
  drop(how: DropKind, filter: ConnectionFilter = {}): number {
    checkDropKind('drop: how', how);
    checkConnections('drop', filter);
    return this.each(`drop (${how})`, filter, (session) => session.drop(how));
  }

  /** The broker neither reads nor answers, like a dead peer. Also applies to later connections, until `resume`. */
  stall(): number {
    this.stalled = true;
    return this.each('stall', {}, (session) => session.transport.setStalled(true));
  }

  resume(): number {
    this.stalled = false;
    return this.each('resume', {}, (session) => session.transport.setStalled(false));
  }

  /** Handles the bytes of clients `ms` later. Also applies to later connections, until a call with 0. */
  delay(ms: number): number {
    checkTime('delay: ms', ms);
    this.delayed = ms;
    return this.each(`delay ${ms} ms`, {}, (session) => session.transport.setDelay(ms));
  }

  /** Sends a frame with a wrong end: the client has to close the connection (501 FRAME_ERROR). */
  corruptFrame(filter: ConnectionFilter = {}): number {
    checkConnections('corruptFrame', filter);
    return this.each('corrupt a frame', filter, (session) => session.corruptFrame());
  }

  /** Answers the next `count` fitting publishes on channels with confirms with basic.nack, and drops them. */
  nackNext(count = 1, filter: PublishFilter = {}): void {
    this.plan('nackNext', 'nacked', count, filter);
  }

  /** Returns the next `count` fitting `mandatory` publishes (312 NO_ROUTE), whatever is bound, and drops them. */
  returnNext(count = 1, filter: PublishFilter = {}): void {
    this.plan('returnNext', 'returned', count, filter);
  }

  /** Cancels consumers from the broker's side (https://www.rabbitmq.com/docs/consumer-cancel). Returns their number. */
  cancelConsumers(filter: ConsumerFilter = {}): number {
    checkFilter('cancelConsumers', filter, OF_CONSUMERS);
    const fits = ({ queue, tag }: Consumer): boolean =>
      (filter.queue === undefined || queue.name === filter.queue) &&
      (filter.consumerTag === undefined || tag === filter.consumerTag);
    let count = 0;
    for (const session of this.host.sessions()) count += session.cancelConsumers(fits);
    this.host.journal.add('fault', { fault: 'cancel consumers', detail: `${count} cancelled` });
    return count;
  }

  /**
   * Accepts no publishes (https://www.rabbitmq.com/docs/connection-blocked): clients get connection.blocked, and a
   * connection that publishes all the same is not read. Also applies to later connections, until `unblock`.
   */
  block(reason = 'blocked by a test'): number {
    checkShortText('block: reason', reason);
    this.blockedReason = reason;
    return this.each('block', {}, (session) => session.block(reason));
  }

  unblock(): number {
    this.blockedReason = undefined;
    return this.each('unblock', {}, (session) => session.unblock());
  }

  /** Refuses the next `count` logins (403 ACCESS_REFUSED). Default: all, until it is called with 0. */
  refuseLogins(count = Infinity): void {
    checkWhole('refuseLogins: count', count, 0, { unlimited: true });
    this.refusals = count;
  }

  /** Ends all faults that stay: stall, delay, block, refused logins, and remaining nacks and returns. */
  clear(): void {
    this.publishFaults = [];
    this.refusals = 0;
    if (this.stalled) this.resume();
    if (this.delayed > 0) this.delay(0);
    if (this.blockedReason !== undefined) this.unblock();
  }

  /** @internal Applies the faults that stay to a new connection. */
  onConnection(session: FaultTarget): void {
    if (this.stalled) session.transport.setStalled(true);
    session.transport.setDelay(this.delayed);
  }

  /** @internal The reason why publishes are not accepted now; undefined if they are. */
  get blocked(): string | undefined {
    return this.blockedReason;
  }

  /** @internal Returns true if this login is refused. */
  refusesLogin(): boolean {
    if (this.refusals <= 0) return false;
    this.refusals--;
    return true;
  }

  /** @internal Returns the planned fault of a publish, if there is one. */
  onPublish(
    { exchange, routingKey }: Message,
    confirming: boolean,
    mandatory: boolean,
  ): PublishFault['outcome'] | undefined {
    const fault = this.publishFaults.find(
      (fault) =>
        (fault.outcome === 'nacked' ? confirming : mandatory) &&
        (fault.exchange ?? exchange) === exchange &&
        (fault.routingKey ?? routingKey) === routingKey,
    );
    if (!fault) return undefined;
    if (--fault.remaining <= 0) this.publishFaults = this.publishFaults.filter((other) => other !== fault);
    return fault.outcome;
  }

  private plan(what: string, outcome: PublishFault['outcome'], count: number, filter: PublishFilter): void {
    checkWhole(`${what}: count`, count, 1, { unlimited: true });
    checkFilter(what, filter, OF_PUBLISHES);
    this.publishFaults.push({ ...filter, outcome, remaining: count });
  }

  private each(fault: string, filter: ConnectionFilter, action: (session: FaultTarget) => void): number {
    const fitting = this.host
      .sessions()
      .filter(({ id, name }) => (filter.id === undefined || id === filter.id) && (filter.name ?? name) === name);
    for (const session of fitting) action(session);
    this.host.journal.add('fault', { fault, detail: `${fitting.length} connections` });
    return fitting.length;
  }
}

function checkConnections(what: string, filter: ConnectionFilter): void {
  refuseUnknown(what, filter, OF_CONNECTIONS);
  checkType(`${what}: id`, filter.id, 'number');
  checkType(`${what}: name`, filter.name, 'string');
}

/** All properties of the filter are texts. */
function checkFilter(what: string, filter: object, known: readonly string[]): void {
  refuseUnknown(what, filter, known);
  for (const [name, value] of Object.entries(filter)) checkType(`${what}: ${name}`, value, 'string');
}
