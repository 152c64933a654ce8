import type { Clock } from '../../environment/index.js';
import type { MessageProperties, MethodName } from '../../protocol/types.js';
import { checkFunction } from '../checks.js';
import type { DeathReason } from '../queue/dead-letter.js';
import { Fifo } from '../queue/fifo.js';
import type { Message } from '../queue/message.js';

/** A message as the journal shows it. Properties are decoded when they are read. */
export class JournalMessage {
  constructor(private readonly message: Message) {}

  get properties(): MessageProperties {
    return this.message.properties;
  }

  get body(): Buffer {
    return this.message.body;
  }

  /** The body as UTF-8. */
  text(): string {
    return this.message.body.toString('utf8');
  }

  /** True if both entries are about the same message: published, delivered, settled, dead. A copy is another message. */
  is(other: JournalMessage): boolean {
    return this.message === other.message;
  }

  /** The body as JSON. @throws SyntaxError */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** The entries of the journal, by kind. */
export interface JournalEntries {
  /** A client has opened a connection (connection.open-ok was sent). */
  connected: { readonly connection: number; readonly user: string; readonly vhost: string; readonly name: string };
  /** A login was refused. */
  refused: { readonly connection: number; readonly user: string };
  disconnected: { readonly connection: number; readonly reason: string };
  /** A client has sent a method. Publishes and settlements have entries of their own. */
  method: { readonly connection: number; readonly channel: number; readonly name: MethodName; readonly args: object };
  /** A message was published. `queues` are the queues that got it. */
  published: {
    readonly connection: number;
    readonly channel: number;
    readonly exchange: string;
    readonly routingKey: string;
    readonly mandatory: boolean;
    readonly message: JournalMessage;
    readonly queues: readonly string[];
    readonly outcome: 'routed' | 'unroutable' | 'refused' | 'nacked' | 'returned';
  };
  /** A message was delivered to a consumer, or fetched with basic.get; `consumerTag` is empty then. */
  delivered: {
    readonly connection: number;
    readonly channel: number;
    readonly queue: string;
    readonly consumerTag: string;
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    /** The message needs no settlement and has left its queue. */
    readonly noAck: boolean;
    readonly message: JournalMessage;
  };
  /** A delivery was settled by its client, or requeued because its channel was closed. */
  settled: {
    readonly connection: number;
    readonly channel: number;
    readonly queue: string;
    readonly deliveryTag: number;
    readonly outcome: 'ack' | 'requeue' | 'reject';
    readonly message: JournalMessage;
  };
  /**
   * A queue has dead-lettered a message, or dropped it for lack of a dead-letter exchange. `deadLetter` is the new
   * message, which went to `queues`; undefined and empty if the message was dropped.
   */
  died: {
    readonly queue: string;
    readonly reason: DeathReason;
    readonly message: JournalMessage;
    readonly deadLetter: JournalMessage | undefined;
    readonly queues: readonly string[];
  };
  /** The broker closed a channel or a connection (channel 0) with an error. */
  failed: {
    readonly connection: number;
    readonly channel: number;
    readonly replyCode: number;
    readonly replyText: string;
  };
  /** A fault was carried out. */
  fault: { readonly fault: string; readonly detail: string };
}

export type JournalKind = keyof JournalEntries;

export type JournalEntry = {
  [K in JournalKind]: {
    readonly kind: K;
    /** Number of the entry, from 1, over all kinds. */
    readonly sequence: number;
    /** Broker clock, ms since 1970. */
    readonly time: number;
  } & JournalEntries[K];
}[JournalKind];

/** The journal's entries of one kind. */
export type EntryOf<K extends JournalKind> = Extract<JournalEntry, { readonly kind: K }>;

/** The memory that an entry uses, in bytes as on the wire. */
interface Held {
  /** The message, which several entries may share. */
  readonly message?: Message;
  /** Bytes beside the message: arguments of a method, names of queues. */
  readonly own?: number;
}

const NOTHING: Held = {};

interface Waiter {
  readonly accepts: (entry: JournalEntry) => boolean;
  readonly resolve: (entry: JournalEntry) => void;
  readonly reject: (error: unknown) => void;
}

/** Settles a waiter whose entry has come, or whose function has thrown. */
function answers(waiter: Waiter, entry: JournalEntry): boolean {
  try {
    if (!waiter.accepts(entry)) return false;
    waiter.resolve(entry);
  } catch (error) {
    waiter.reject(error);
  }
  return true;
}

/**
 * Records the events of the broker in order. Tests read them or wait for them. The journal keeps the last entries, up
 * to a number of entries and a number of bytes.
 *
 *     await broker.journal.next('settled', ({ queue, outcome }) => queue === 'billing' && outcome === 'ack');
 */
export class Journal {
  private readonly kept = new Fifo<{ readonly entry: JournalEntry; readonly holds: Held }>();
  /** The number of entries that share each message, which is stored once. */
  private readonly held = new Map<Message, number>();
  private bytes = 0;
  private sequence = 0;
  private waiters: Waiter[] = [];
  private readonly watchers = new Set<(entry: JournalEntry) => void>();

  /**
   * @param limit number of entries to keep; with 0 none is kept, and `next` still works
   * @param onError gets the errors of watchers, which must not stop the broker's work
   * @param byteLimit maximum bytes of the messages and arguments in the entries; the last entry is kept in any case
   */
  constructor(
    private readonly time: Pick<Clock, 'wallTime' | 'after'>,
    private readonly limit: number,
    private readonly byteLimit: number,
    private readonly onError: (error: unknown) => void = () => {},
  ) {}

  /** All kept entries, oldest first. */
  get entries(): readonly JournalEntry[] {
    return Array.from(this.kept, ({ entry }) => entry);
  }

  /** Returns the kept entries of one kind that fit. */
  of<K extends JournalKind>(kind: K, fits: (entry: EntryOf<K>) => boolean = () => true): EntryOf<K>[] {
    return this.entries.filter((entry): entry is EntryOf<K> => entry.kind === kind && fits(entry as EntryOf<K>));
  }

  /**
   * Resolves with the first entry of this kind that fits: a kept one, else the next one.
   *
   * @param options.timeout maximum time of the wait, ms; default 5,000
   * @throws Error that names the awaited entry and the entries that came instead; the error of `fits`; RangeError for a
   *   `fits` that is no function
   */
  async next<K extends JournalKind>(
    kind: K,
    fits: (entry: EntryOf<K>) => boolean = () => true,
    options: { readonly timeout?: number; readonly after?: number } = {},
  ): Promise<EntryOf<K>> {
    checkFunction('next: fits', fits);
    const { timeout = 5_000, after = 0 } = options;
    const accepts = (entry: JournalEntry): boolean =>
      entry.kind === kind && entry.sequence > after && fits(entry as EntryOf<K>);
    const there = this.entries.find(accepts);
    if (there) return there as EntryOf<K>;
    return new Promise((resolve, reject) => {
      const stop = this.time.after(timeout, () => {
        this.waiters = this.waiters.filter((other) => other !== waiter);
        const kinds = this.entries.slice(-10).map((entry) => entry.kind);
        reject(
          new Error(`the journal got no matching '${kind}' within ${timeout} ms; its last entries: ${kinds.join()}`),
        );
      });
      const waiter: Waiter = {
        accepts,
        resolve: (entry) => {
          stop();
          resolve(entry as EntryOf<K>);
        },
        reject: (error) => {
          stop();
          reject(error as Error);
        },
      };
      this.waiters.push(waiter);
    });
  }

  /**
   * Calls `watcher` with every later entry. Returns the function that ends this. `watcher` runs in the middle of the
   * broker's work, so an action on the broker has to wait for the next turn (setImmediate). An error that it throws is
   * written to the broker's log.
   *
   * @throws RangeError for anything but a function
   */
  watch(watcher: (entry: JournalEntry) => void): () => void {
    checkFunction('watch: watcher', watcher);
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  /** Removes all entries. Numbers continue. */
  clear(): void {
    while (this.kept.length > 0) this.forget();
  }

  /** @internal */
  add<K extends JournalKind>(kind: K, what: JournalEntries[K], holds: Held = NOTHING): void {
    const entry = { kind, sequence: ++this.sequence, time: this.time.wallTime(), ...what } as unknown as JournalEntry;
    if (this.limit > 0) this.keep(entry, holds);
    for (const watcher of this.watchers) this.tell(watcher, entry);
    if (this.waiters.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => !answers(waiter, entry));
  }

  private tell(watcher: (entry: JournalEntry) => void, entry: JournalEntry): void {
    try {
      watcher(entry);
    } catch (error) {
      this.onError(error);
    }
  }

  private keep(entry: JournalEntry, holds: Held): void {
    this.kept.push({ entry, holds });
    const { message, own = 0 } = holds;
    this.bytes += own;
    if (message) {
      const times = this.held.get(message) ?? 0;
      if (times === 0) this.bytes += message.size;
      this.held.set(message, times + 1);
    }
    while (this.kept.length > this.limit || (this.bytes > this.byteLimit && this.kept.length > 1)) this.forget();
  }

  /** Drops the oldest entry. */
  private forget(): void {
    const { message, own = 0 } = this.kept.shift()!.holds;
    this.bytes -= own;
    if (!message) return;
    const times = this.held.get(message)! - 1;
    if (times > 0) return void this.held.set(message, times);
    this.held.delete(message);
    this.bytes -= message.size;
  }
}
