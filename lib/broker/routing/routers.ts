import { TypedField, type FieldTable, type FieldValue } from '../../protocol/field-table.js';
import type { Binding, Destination } from './binding.js';
import { preconditionFailed } from '../errors.js';
import { erlang, sameValue, typeName } from './field-values.js';
import type { Message } from '../queue/message.js';
import { TopicTrie } from './topic-trie.js';

/** Finds the destinations of a message among the bindings of an exchange, for one exchange type (section 3.1.3). */
export interface Router {
  /** @throws BrokerError if the binding's arguments are invalid for this type */
  add(binding: Binding): void;
  remove(binding: Binding): void;
  /** Calls `found` for every destination; several times for a destination with several matching bindings. */
  route(message: Message, found: (destination: Destination) => void): void;
}

class DirectRouter implements Router {
  private readonly byKey = new Map<string, Set<Binding>>();

  add(binding: Binding): void {
    const there = this.byKey.get(binding.routingKey);
    if (there) there.add(binding);
    else this.byKey.set(binding.routingKey, new Set([binding]));
  }

  remove(binding: Binding): void {
    const there = this.byKey.get(binding.routingKey);
    if (there?.delete(binding) && there.size === 0) this.byKey.delete(binding.routingKey);
  }

  route(message: Message, found: (destination: Destination) => void): void {
    for (const key of message.routingKeys) {
      for (const { destination } of this.byKey.get(key) ?? []) found(destination);
    }
  }
}

class FanoutRouter implements Router {
  private readonly bindings = new Set<Binding>();

  add(binding: Binding): void {
    this.bindings.add(binding);
  }

  remove(binding: Binding): void {
    this.bindings.delete(binding);
  }

  route(_message: Message, found: (destination: Destination) => void): void {
    for (const { destination } of this.bindings) found(destination);
  }
}

class TopicRouter implements Router {
  private readonly trie = new TopicTrie<Binding>();

  add(binding: Binding): void {
    this.trie.add(binding.routingKey, binding);
  }

  remove(binding: Binding): void {
    this.trie.remove(binding.routingKey, binding);
  }

  route(message: Message, found: (destination: Destination) => void): void {
    for (const key of message.routingKeys) this.trie.match(key, ({ destination }) => found(destination));
  }
}

/** The `-with-x` forms also match headers whose name begins with `x-`. The plain forms ignore them. */
const matchForms = new Set(['all', 'any', 'all-with-x', 'any-with-x']);

class HeadersRouter implements Router {
  private readonly bindings = new Set<Binding>();

  add(binding: Binding): void {
    const form = binding.arguments['x-match'];
    if (form !== undefined && typeof form !== 'string') {
      throw preconditionFailed(
        `Invalid x-match field type ${typeName(form)} (value ${erlang(form)}); expected longstr`,
      );
    }
    if (form !== undefined && !matchForms.has(form)) {
      throw preconditionFailed(
        `Invalid x-match field value <<"${form}">>; expected all, any, all-with-x, or any-with-x`,
      );
    }
    this.bindings.add(binding);
  }

  remove(binding: Binding): void {
    this.bindings.delete(binding);
  }

  route(message: Message, found: (destination: Destination) => void): void {
    if (this.bindings.size === 0) return;
    const headers = message.properties.headers ?? {};
    for (const binding of this.bindings) if (matches(binding.arguments, headers)) found(binding.destination);
  }
}

function matches(pattern: FieldTable, headers: FieldTable): boolean {
  const form = (pattern['x-match'] as string | undefined) ?? 'all';
  const names = Object.keys(pattern).filter(
    (name) => name !== 'x-match' && (form.endsWith('-with-x') || !name.startsWith('x-')),
  );
  const fits = (name: string): boolean => {
    if (!Object.hasOwn(headers, name)) return false;
    // A pattern without a value requires only that the header exists.
    return pattern[name] === null || sameValue(untyped(pattern[name]), headers[name]);
  };
  return form.startsWith('any') ? names.some(fits) : names.every(fits);
}

/** Numbers are compared by value: 10.0 equals 10. */
function untyped(value: FieldValue): FieldValue {
  return value instanceof TypedField ? value.value : value;
}

const routers: Readonly<Record<string, (() => Router) | undefined>> = Object.assign(Object.create(null), {
  direct: () => new DirectRouter(),
  fanout: () => new FanoutRouter(),
  topic: () => new TopicRouter(),
  headers: () => new HeadersRouter(),
});

/** Returns a router for this type of exchange; undefined for an unknown type. */
export function createRouter(type: string): Router | undefined {
  return routers[type]?.();
}
