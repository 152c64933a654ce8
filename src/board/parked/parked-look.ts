import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import { groupOf, keyOf, type FailureGroup } from './failure-group.js';

/** Maximum number of different groups; further messages belong to one group of the rest. */
const MAX_GROUPS = 200;
/** Maximum characters of a message id or an error in a list. */
const MAX_SHOWN = 400;

/** A parked message in a list. */
export interface ParkedSummary {
  readonly key: string;
  readonly group: string;
  readonly messageId: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly attempts: number;
  /** The reason of the last failure. */
  readonly reason: string | undefined;
  /** Time of the last failure, ms since 1970. */
  readonly failedAt: number | undefined;
  /** Bytes. */
  readonly size: number;
}

/** A group of parked messages. */
export interface ShownGroup extends FailureGroup {
  readonly count: number;
  /** Times of the first and of the last failure in it, ms since 1970. */
  readonly first: number | undefined;
  readonly last: number | undefined;
}

export interface ParkedPage {
  /** Number of messages that fit. */
  readonly count: number;
  readonly messages: readonly ParkedSummary[];
}

type Counted = { -readonly [Key in keyof ShownGroup]: ShownGroup[Key] };

const REST: FailureGroup = { id: 'rest', type: '', text: 'other errors', handler: undefined };

/** The summaries of one look at a parked queue. It keeps no body. */
export class ParkedLook {
  private readonly summaries: ParkedSummary[] = [];
  private readonly byId = new Map<string, Counted>();
  /** Number of messages that were parked. */
  total = 0;
  /** Number of messages that were looked at. */
  seen = 0;

  /** @param at ms since 1970 */
  constructor(
    readonly at: number,
    private readonly handlers: readonly string[],
  ) {}

  add(message: ParkedMessage): void {
    const { messageId, exchange, routingKey, attempts, lastFailure, firstFailure, body } = message;
    const group = this.groupFor(groupOf(message, this.handlers));
    const failedAt = lastFailure?.time.getTime();
    group.count++;
    group.first = earlier(group.first, firstFailure?.time.getTime() ?? failedAt);
    group.last = failedAt === undefined ? group.last : Math.max(group.last ?? failedAt, failedAt);
    this.summaries.push({
      key: keyOf(message),
      group: group.id,
      messageId: messageId?.slice(0, MAX_SHOWN),
      exchange,
      routingKey,
      attempts,
      reason: lastFailure?.message.slice(0, MAX_SHOWN),
      failedAt,
      size: body.length,
    });
  }

  /** Returns the groups, the largest first. */
  get groups(): readonly ShownGroup[] {
    return [...this.byId.values()].sort((one, other) => other.count - one.count);
  }

  /** Time of the first failure of all, ms since 1970; undefined if no message has one. */
  get oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { first } of this.byId.values()) oldest = earlier(oldest, first);
    return oldest;
  }

  /** Returns a page of the messages, the last failure first. @param group undefined for all */
  page(group: string | undefined, offset: number, limit: number): ParkedPage {
    const fitting = group === undefined ? [...this.summaries] : this.summaries.filter((one) => one.group === group);
    fitting.sort((one, other) => (other.failedAt ?? 0) - (one.failedAt ?? 0));
    return { count: fitting.length, messages: fitting.slice(offset, offset + limit) };
  }

  private groupFor(group: FailureGroup): Counted {
    const { id } = this.byId.has(group.id) || this.byId.size < MAX_GROUPS ? group : REST;
    let counted = this.byId.get(id);
    if (!counted) {
      counted = { ...(id === REST.id ? REST : group), count: 0, first: undefined, last: undefined };
      this.byId.set(id, counted);
    }
    return counted;
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
