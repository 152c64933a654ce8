/** How a delivery ends, or a publish. */
type Settlement = 'ack' | 'requeue' | 'reject';
type Confirm = 'ack' | 'nack' | 'return';

/** Deliveries of one channel that the broker has not heard of yet, by tag. */
export type Unsettled = Map<number, string>;

/**
 * What the user and the scripted broker say of each delivery and each publish, held against each other: the broker hears an
 * ack of nothing but what the user has acked, of each once; and the user hears of a publish what the broker has said of it.
 * Each has a name of its own, which travels in it.
 */
export class Books {
  readonly problems: string[] = [];
  /** Bytes were broken on the way: from here on nothing can be told from them. */
  tainted = false;
  private names = 0;
  private readonly acked = new Set<string>();
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

  /** The user acks a delivery; with `multiple`, all that its channel has not settled up to it. */
  userAcks(name: string, multiple: boolean): void {
    this.acked.add(name);
    const place = multiple ? this.places.get(name) : undefined;
    for (const [tag, other] of place?.among ?? []) if (tag <= place!.tag) this.acked.add(other);
  }

  /** The broker hears of a settlement. */
  settled(outcome: Settlement, tag: number, multiple: boolean, among: Unsettled): void {
    if (!among.has(tag)) this.complain(`${outcome} of delivery tag ${tag}, which is not outstanding`);
    for (const [other, name] of among) {
      if (other !== tag && !(multiple && other < tag)) continue;
      among.delete(other);
      // What no user has acked the client may give back, or reject, by itself.
      if ((outcome === 'ack') === this.acked.has(name)) continue;
      const said = this.acked.has(name) ? 'has acked it' : 'has not acked it';
      this.complain(`delivery ${name} (tag ${other}) got ${outcome} with tag ${tag}, and its user ${said}`);
    }
  }

  /** On a channel that is open still the broker has heard of every ack. */
  audit(among: Unsettled): void {
    for (const [tag, name] of among) {
      if (this.acked.has(name)) this.complain(`the broker has not heard of the ack of delivery ${name} (tag ${tag})`);
    }
  }

  // Publishes.

  /** The broker says so of a publish. */
  confirmed(name: string, outcome: Confirm): void {
    const outcomes = this.confirms.get(name) ?? new Set();
    this.confirms.set(name, outcomes.add(outcome));
  }

  /** The user hears so of it. */
  userHears(name: string, outcome: Confirm): void {
    if (this.confirms.get(name)?.has(outcome)) return;
    const said = [...(this.confirms.get(name) ?? [])].join(', ') || 'nothing';
    this.complain(`publish ${name} was told as '${outcome}'; the broker has said: ${said}`);
  }

  private complain(what: string): void {
    if (!this.tainted) this.problems.push(what);
  }
}
