import { ast } from '../source/ast.js';
import { elementsOf, textOf, type Options } from '../source/reading.js';
import { connectionOf, withNamedConfig, type Handler, type Shared } from './handlers.js';
import type { Registration } from './registrations.js';

/** Handlers of one queue, at least two of which answer requests. */
export type Group = readonly Handler[];

/**
 * Finds the queues whose requests golevelup passes to one of several handlers, by routing key. Refuses the handlers of a queue
 * where nest-amqp would choose another one.
 *
 * @param homeOf the module of a handler, with its named handlers
 * @returns the group of each handler that has one
 */
export function sharedQueues(
  handlers: readonly Handler[],
  homeOf: (handler: Handler) => Registration | undefined,
): ReadonlyMap<Handler, Group> {
  const byQueue = new Map<string, { readonly handler: Handler; readonly options: Options }[]>();
  for (const handler of handlers) {
    const home = homeOf(handler);
    const options = home ? withNamedConfig(handler, home) : handler.options;
    const queue = options?.get('queue');
    if (!options || !queue || textOf(queue) === '') continue;
    const place = JSON.stringify([connectionOf(handler) ?? 'default', textOf(queue) ?? queue.getText()]);
    byQueue.set(place, [...(byQueue.get(place) ?? []), { handler, options }]);
  }
  const groups = new Map<Handler, Group>();
  for (const all of byQueue.values()) {
    if (all.filter(({ handler }) => handler.kind === 'RabbitRPC').length < 2) continue;
    const group = all.map(({ handler }) => handler);
    const obstacle = obstacleOf(all);
    for (const { handler, options } of all) {
      groups.set(handler, group);
      const queue = options.get('queue')?.getText();
      if (obstacle !== undefined) {
        handler.draft.refuse(handler.decorator, `several @RabbitRPC share queue ${queue}, ${obstacle}`);
      }
    }
  }
  return groups;
}

/** Returns why the choice of a handler would differ, or is unknown. */
function obstacleOf(all: readonly { readonly handler: Handler; readonly options: Options }[]): string | undefined {
  if (all.some(({ handler }) => handler.kind !== 'RabbitRPC'))
    return 'with a @RabbitSubscribe that takes their requests';
  const written = (option: string): string[] =>
    all.map(({ options }) => textOf(options.get(option)) ?? options.get(option)?.getText() ?? '');
  if (all.some(({ options }) => textOf(options.get('queue')) === undefined)) return 'whose name is not written out';
  if (new Set(written('exchange')).size > 1) return 'and their exchanges differ';
  const keys = all.map(({ options }) => keysOf(options));
  if (keys.some((known) => known === undefined)) return 'and a routing key is not written out';
  const known = keys.map((list) => list ?? []);
  if (known.some((list) => list.some(endsEarly))) return "and golevelup stops reading a routing key at its '#'";
  for (const [at, mine] of known.entries()) {
    const others = known.slice(at + 1).flat();
    const double = mine.find((key) => others.some((other) => clash(key, other)));
    if (double !== undefined) return `and two of them take '${double}'`;
  }
  return undefined;
}

/** Returns the routing keys of a handler; undefined if one is not known, or if there is none. */
function keysOf(options: Options): string[] | undefined {
  const given = options.get('routingKey');
  if (!given) return undefined;
  const keys = (elementsOf(given) ?? [given]).map((key) => textOf(key));
  return keys.length > 0 && keys.every((key) => key !== undefined) ? keys : undefined;
}

const isPattern = (key: string): boolean => key.split('.').some((word) => word === '*' || word === '#');

/** golevelup takes everything behind a `#` for granted. */
function endsEarly(key: string): boolean {
  const words = key.split('.');
  return words.includes('#') && words.indexOf('#') < words.length - 1;
}

/**
 * Returns whether the order of the handlers matters: golevelup takes the first pattern that fits, nest-amqp the most specific
 * one. Both prefer a key to a pattern.
 */
function clash(key: string, other: string): boolean {
  if (isPattern(key) !== isPattern(other)) return false;
  return isPattern(key) ? overlap(key.split('.'), other.split('.')) : key === other;
}

/** Returns whether a key fits two patterns whose `#` are at their ends. */
function overlap([word, ...rest]: readonly string[], [other, ...others]: readonly string[]): boolean {
  if (word === '#' || other === '#') return true;
  if (word === undefined || other === undefined) return word === other;
  return (word === '*' || other === '*' || word === other) && overlap(rest, others);
}

/**
 * Refuses all handlers of a group if one of them is refused, or if their options cannot be those of one consumer. The handlers of
 * a group of one are left as they are.
 *
 * @param drafted what each handler adds to the consumer; undefined if it is refused
 */
export function keepTogether(group: Group, drafted: readonly (Shared | undefined)[]): void {
  const [first] = group;
  if (!first || group.length < 2) return;
  const refused = group.find(({ draft }) => draft.isRefused);
  if (refused) {
    for (const { draft, decorator } of group) {
      if (!draft.isRefused) draft.refuse(decorator, `it shares its queue with ${nameOf(refused)}, which is left`);
    }
    return;
  }
  const consumers = new Set(drafted.map((shared) => shared?.consumer));
  const queues = new Set(drafted.map((shared) => shared?.queue).filter((queue) => queue?.includes('{')));
  for (const { draft, decorator } of group) {
    if (consumers.size > 1) draft.refuse(decorator, 'several @RabbitRPC share its queue, with different options');
    if (queues.size > 1) draft.refuse(decorator, 'several @RabbitRPC declare its queue, with different options');
  }
  first.draft.warn(
    first.decorator,
    `a request whose routing key fits none of ${group.map(nameOf).join(', ')} is answered with an error, and parked`,
  );
}

function nameOf({ method }: Handler): string {
  const owner = method.getParent();
  return `${ast().Node.isClassDeclaration(owner) ? owner.getName() : 'handler'}.${method.getName()}`;
}
