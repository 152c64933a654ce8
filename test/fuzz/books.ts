/** The end of a delivery. */
type Settlement = 'ack' | 'requeue' | 'reject';
type Confirm = 'ack' | 'nack' | 'return';

/** Deliveries of one channel that the broker has not heard of yet, by tag. */
export type Unsettled = Map<number, string>;

/**
 * Compares the statements of the user and of the scripted broker about each delivery and each publish: the broker receives
 * one ack for each delivery that the user has acked and no other ack, and the user receives the outcome that the broker has
 * given to the publish. Each message carries a unique name.
 */
export class Books {
  readonly problems: string[] = [];
  /** Bytes were broken on the way, so nothing that follows can be compared. */
  tainted = false;
  private names = 0;
  private readonly acked = new Set<string>();
  /** Deliveries below a multiple ack. The user or the client may have requeued them just before it. */
  private readonly covered = new Set<string>();
  /** Deliveries that the user has nacked, or that a multiple nack covered: a later ack of them is void. */
  private readonly nacked = new Set<string>();
  private readonly places = new Map<string, { readonly among: Unsettled; readonly tag: number }>();
  private readonly confirms = new Map<string, Set<Confirm>>();

  newName(what: string): string {
    return `${what}${++this.names}`;
  }

  // Deliveries.

  delivered(name: string, tag: number, among: Unsettled): void {
    among.set(tag, name);
    this.places.set(name, { among, tag });
  }

  /** The user acks a delivery; with `multiple`, all unsettled deliveries of its channel up to that one. */
  userAcks(name: string, multiple: boolean): void {
    if (!this.nacked.has(name)) this.acked.add(name);
    if (multiple) for (const other of this.upTo(name)) this.covered.add(other);
  }

  /** The user nacks all unsettled deliveries of a channel up to this one. */
  userNacksUpTo(name: string): void {
    for (const other of this.upTo(name)) this.nacked.add(other);
  }

  /** The broker receives a settlement. */
  settled(outcome: Settlement, tag: number, multiple: boolean, among: Unsettled): void {
    if (!among.has(tag)) this.complain(`${outcome} of delivery tag ${tag}, which is not outstanding`);
    for (const [other, name] of among) {
      if (other !== tag && !(multiple && other < tag)) continue;
      among.delete(other);
      // The client may requeue or reject by itself a delivery that the user has not acked.
      const acked = this.acked.has(name);
      if (outcome === 'ack' ? acked || this.covered.has(name) : !acked) continue;
      const said = acked ? 'has acked it' : 'has not acked it';
      this.complain(`delivery ${name} (tag ${other}) got ${outcome} with tag ${tag}, and its user ${said}`);
    }
  }

  /** Checks that the broker has received every ack of a channel that is still open. */
  audit(among: Unsettled): void {
    for (const [tag, name] of among) {
      if (this.acked.has(name)) this.complain(`the broker has not heard of the ack of delivery ${name} (tag ${tag})`);
    }
  }

  // Publishes.

  /** The broker sends the outcome of a publish. */
  confirmed(name: string, outcome: Confirm): void {
    const outcomes = this.confirms.get(name) ?? new Set();
    this.confirms.set(name, outcomes.add(outcome));
  }

  /** The user receives the outcome of a publish. */
  userHears(name: string, outcome: Confirm): void {
    if (this.confirms.get(name)?.has(outcome)) return;
    const said = [...(this.confirms.get(name) ?? [])].join(', ') || 'nothing';
    this.complain(`publish ${name} was told as '${outcome}'; the broker has said: ${said}`);
  }

  /** The unsettled deliveries of a delivery's channel up to this one. */
  private upTo(name: string): string[] {
    const place = this.places.get(name);
    return [...(place?.among ?? [])].filter(([tag]) => tag <= place!.tag).map(([, other]) => other);
  }

  private complain(what: string): void {
    if (!this.tainted) this.problems.push(what);
  }
}
