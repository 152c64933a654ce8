/** The state that an exchange or a binding should have at the broker. */
type State = 'there' | 'gone' | 'unclear';

/** The exchanges and bindings of one user, by the answers of the broker. Those that are `there` must outlive every loss. */
export class BindingBook {
  private readonly exchanges = new Map<string, State>();
  private readonly bindings = new Map<string, State>();
  private readonly underWay = new Map<string, number>();
  private readonly latest = new Map<string, number>();
  private changes = 0;

  /** Notes a call. Until its answer, the state is unclear. Returns the function that takes the answer. */
  declaring(exchange: string): (error: unknown) => void {
    return this.change(this.exchanges, exchange, 'there');
  }

  /** Notes the deletion of an exchange, which deletes its bindings, too. */
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

  /** The names of the bindings, by `nameOf`. */
  get expectedBindings(): readonly string[] {
    return this.bindingsIn('there');
  }

  /** The names of the bindings that the user has removed. */
  get removedBindings(): readonly string[] {
    return this.bindingsIn('gone');
  }

  private bindingsIn(wanted: State): readonly string[] {
    return [...this.bindings].filter(([, state]) => state === wanted).map(([name]) => name);
  }

  private change(of: Map<string, State>, name: string, to: State): (error: unknown) => void {
    of.set(name, 'unclear');
    // The order of two calls that are under way at once is not known.
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

/** Returns a unique name for a binding. */
export function nameOf(
  source: string,
  kind: 'queue' | 'exchange',
  destination: string,
  key: string,
  args: object,
): string {
  return JSON.stringify([source, `${kind}:${destination}`, key, JSON.stringify(args)]);
}
