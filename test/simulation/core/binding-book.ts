/** What one name, or one binding, should be at the broker. */
type State = 'there' | 'gone' | 'unclear';

/** Exchanges and bindings that one user has asked for, as far as answers came: what is `there` must outlive every loss. */
export class BindingBook {
  private readonly exchanges = new Map<string, State>();
  private readonly bindings = new Map<string, State>();
  private readonly underWay = new Map<string, number>();
  private readonly latest = new Map<string, number>();
  private changes = 0;

  /** A call is under way: until its answer nothing is certain. Returns what takes the answer. */
  declaring(exchange: string): (error: unknown) => void {
    return this.change(this.exchanges, exchange, 'there');
  }

  /** Its bindings go with it. */
  deletingExchange(exchange: string): (error: unknown) => void {
    this.forget(([source, destination]) => source === exchange || destination === `exchange:${exchange}`);
    return this.change(this.exchanges, exchange, 'gone');
  }

  deletingQueue(queue: string): void {
    this.forget(([, destination]) => destination === `queue:${queue}`);
  }

  /** @param binding from `nameOf` */
  changing(binding: string, to: 'there' | 'gone'): (error: unknown) => void {
    return this.change(this.bindings, binding, to);
  }

  get expectedExchanges(): readonly string[] {
    return [...this.exchanges].filter(([, state]) => state === 'there').map(([name]) => name);
  }

  /** As `nameOf` has named them. */
  get expectedBindings(): readonly string[] {
    return [...this.bindings].filter(([, state]) => state === 'there').map(([name]) => name);
  }

  private change(of: Map<string, State>, name: string, to: State): (error: unknown) => void {
    of.set(name, 'unclear');
    // Of two that are under way at once nobody knows which comes first.
    const change = ++this.changes;
    const alone = (this.underWay.get(name) ?? 0) === 0;
    this.underWay.set(name, (this.underWay.get(name) ?? 0) + 1);
    this.latest.set(name, change);
    return (error) => {
      this.underWay.set(name, this.underWay.get(name)! - 1);
      const undisturbed = alone && this.latest.get(name) === change && of.get(name) === 'unclear';
      if (error === undefined && undisturbed) of.set(name, to);
    };
  }

  private forget(gone: (parts: string[]) => boolean): void {
    for (const name of this.bindings.keys()) {
      if (!gone(JSON.parse(name) as string[])) continue;
      this.bindings.set(name, 'unclear');
      this.latest.set(name, ++this.changes);
    }
  }
}

/** One name for one binding. */
export function nameOf(
  source: string,
  kind: 'queue' | 'exchange',
  destination: string,
  key: string,
  args: object,
): string {
  return JSON.stringify([source, `${kind}:${destination}`, key, JSON.stringify(args)]);
}
