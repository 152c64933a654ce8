import { InvalidConsumerError } from '../consumer.errors.js';
import type { Target } from './dispatcher.js';
import type { Selection } from './selection.js';

/** A handler of a queue whose handlers share a consumer. */
export interface Sharer extends Target {
  /** Undefined for the handler that gets what fits no other. */
  readonly selection: Selection | undefined;
  /** The provider of its instance. */
  readonly host: object;
}

/** The handlers of a shared consumer. */
export interface Targets {
  /** The selection of all of them. */
  readonly selection: Selection;
  /** By their patterns. */
  readonly targets: ReadonlyMap<string, Target>;
  readonly fallback: Target | undefined;
}

/**
 * Orders handlers by their patterns. At least one of them has a pattern.
 *
 * @throws InvalidConsumerError that names two handlers of which only one could get a message
 */
export function targetsOf(queue: string, sharers: readonly Sharer[]): Targets {
  const first = sharers.find(({ selection }) => selection)!;
  const selection = first.selection!;
  const targets = new Map<string, Sharer>();
  let fallback: Sharer | undefined;
  for (const sharer of sharers) {
    if (!sharer.selection) {
      if (fallback) throw new InvalidConsumerError(twoFallbacks(fallback, sharer, queue, selection));
      fallback = sharer;
      continue;
    }
    const { by, patterns } = sharer.selection;
    if (by !== selection.by) {
      throw new InvalidConsumerError(
        `${first.name} and ${sharer.name} share the consumer of queue '${queue}', and are selected by ${selection.by} and by ` +
          `${by}. Select all handlers of the queue by the same property.`,
      );
    }
    for (const pattern of patterns) {
      const other = targets.get(pattern);
      if (other) throw new InvalidConsumerError(twice(other, sharer, `${by} '${pattern}' of queue '${queue}'`));
      targets.set(pattern, sharer);
    }
  }
  return { selection, targets, fallback };
}

function twoFallbacks(one: Sharer, other: Sharer, queue: string, { by }: Selection): string {
  const what = `the messages of queue '${queue}' that fit no pattern`;
  if (one.name === other.name)
    return `${one.name} is twice the handler of ${what}. ${whyTwice(one, other)}: remove one.`;
  return `${one.name} and ${other.name} are both the handler of ${what}. Name a ${by} for one of them.`;
}

function twice(one: Sharer, other: Sharer, what: string): string {
  if (one.name === other.name) return `${one.name} handles ${what} twice. ${whyTwice(one, other)}: remove one.`;
  return `${one.name} and ${other.name} both handle ${what}. Remove one.`;
}

function whyTwice(one: Sharer, other: Sharer): string {
  return one.host === other.host ? 'It is named twice' : 'Two modules provide its class';
}
