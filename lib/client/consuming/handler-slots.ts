/** @internal In consume options: the {@link HandlerSlots} that the consumer shares with the earlier ones of its user. */
export const HANDLER_SLOTS: unique symbol = Symbol('handlerSlots');

/** The part of a consumer that handler slots use. */
interface SlotUser {
  readonly ended: boolean;
  /** Number of deliveries that wait for a handler. */
  readonly waiting: number;
  /** Starts handlers for waiting deliveries while slots are free. */
  takeWaiting(): void;
}

/**
 * @internal The slots in which handlers run: at most `limit` at once. A consumer has slots of its own, unless its user
 * registers one consumer after the other for the same work, as the Nest layer does: a handler of an earlier one keeps its
 * slot until it ends.
 */
export class HandlerSlots {
  private running = 0;
  /** Consumers that may have waiting deliveries. */
  private users: readonly SlotUser[] = [];

  /** @param most maximum number of handlers that run at once, from 1; Infinity for no limit */
  constructor(private most = Infinity) {}

  set limit(most: number) {
    this.most = most;
    for (const user of this.users) user.takeWaiting();
  }

  get full(): boolean {
    return this.running >= this.most;
  }

  /** Called by each consumer that uses the slots, once. */
  join(user: SlotUser): void {
    this.users = [...this.users.filter(({ ended, waiting }) => !ended || waiting > 0), user];
  }

  take(): void {
    this.running++;
  }

  free(): void {
    this.running--;
  }

  /** Lets the other consumers use the slots that this one, which may have ended, has left free. */
  pass(by: SlotUser): void {
    if (this.users.length === 1 && this.users[0] === by) return;
    for (const user of this.users) if (user !== by) user.takeWaiting();
  }
}

/** The slots of a consumer with these options. */
export function slotsOf(options: {
  readonly concurrency?: number;
  readonly [HANDLER_SLOTS]?: HandlerSlots;
}): HandlerSlots {
  return options[HANDLER_SLOTS] ?? new HandlerSlots(options.concurrency);
}
