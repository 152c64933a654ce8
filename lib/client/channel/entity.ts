/** An exchange or a queue. */
export interface Entity {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
}

export function queueOf(name: string): Entity {
  return { kind: 'queue', name };
}

export function exchangeOf(name: string): Entity {
  return { kind: 'exchange', name };
}

/** Returns a unique key for use in maps and sets. */
export function keyOf({ kind, name }: Entity): string {
  return `${kind} ${name}`;
}
