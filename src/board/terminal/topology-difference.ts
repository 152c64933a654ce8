/** An entity that the broker has not, or has in another way. */
export interface TopologyDifference {
  readonly kind: 'exchange' | 'queue' | 'binding';
  /** Of a binding: its source, destination and routing key. */
  readonly name: string;
  /** `unknown`: the broker refuses to tell. `extra`: a binding that is not declared, between an exchange and a destination that are. */
  readonly difference: 'missing' | 'different' | 'unknown' | 'extra';
  /** The reason, in the words of the broker. */
  readonly reason: string;
}
