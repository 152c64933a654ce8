import type { Channel } from '../channel/channel.js';
import type { Link } from '../link/link.js';
import type { ChannelHost, Restorable } from '../channel/channel-host.js';
import { Backoff, pause } from '../../environment/index.js';
import {
  ChannelClosedError,
  ChannelError,
  ConnectionError,
  NotAllowedError,
  ResourceLockedError,
  TimeoutError,
  type AmqpError,
} from '../errors.js';
import { textOf } from '../text-of.js';
import { keyOf, queueOf, type Entity } from '../channel/entity.js';
import type { TopologyActions, TopologyRecord } from '../channel/topology-record.js';

/** Maximum number of attempts at one call, each on its own channel. */
const ATTEMPTS = 3;

type Ask = <A>(call: (on: Channel) => Promise<A>) => Promise<A>;

/** The receiver of the restorer's results: one call for each change. */
export interface RestorerEvents {
  /** The broker has given a queue another name. */
  renamed(queue: string, name: string): void;
  failed(entity: string, error: unknown): void;
  /** An entity of an earlier failure exists now. */
  restored(entity: string): void;
}

/**
 * Declares again the entities of a connection on scratch channels. If the broker refuses an entity, only a scratch
 * channel is lost.
 */
export class TopologyRestorer {
  /** Entities that were reported as failed and are still missing. Each is reported once, however often it is tried. */
  private readonly failing = new Set<string>();
  /** Queues that another connection owns, with the error of the last attempt to declare them. */
  private readonly locked = new Map<string, AmqpError>();
  /** Entities that nobody wants and that the broker may have, by key. A queue has its name at the broker. */
  private readonly left = new Map<string, Entity>();
  private discarding: Promise<void> | undefined;
  /** True if every channel was in use when such an entity was to be deleted. */
  private wantsChannel = false;
  /** The link on which the failing and locked entities were found. */
  private knownOn: Link | undefined;
  private retryingOn: Link | undefined;

  constructor(
    private readonly record: TopologyRecord,
    private readonly host: Pick<ChannelHost, 'link' | 'options' | 'restoring'>,
    /**
     * @param needed returns true if the restore is needed, although the connection may be about to close
     * @param lenders channels that open anew after the restore, one of which may lend its number
     */
    private readonly openScratch: (
      needed: 'while-open' | 'while-closing',
      lenders: readonly Restorable[],
    ) => Promise<Channel>,
    private readonly tell: RestorerEvents,
    /** Called when the connection is closed. */
    private readonly stop: AbortSignal,
  ) {}

  /** Declares everything again after a lost connection. @param channels those that open anew afterwards */
  async replayAll(channels: readonly Restorable[]): Promise<void> {
    if (this.left.size > 0) this.discarding ??= this.discardAll();
    await this.onScratch((actions) => this.record.replay(actions), 'while-open', channels);
  }

  /**
   * Declares the queues of the channels' consumers again, since a channel error ends consumers and with them
   * auto-delete queues.
   */
  replayFor(channels: readonly Restorable[]): Promise<void> {
    const queues = new Set(channels.flatMap((channel) => channel.consumers.list().map(({ queue }) => queue)));
    const recorded = [...queues].filter((queue) => this.record.hasQueue(queue));
    if (recorded.length === 0) return Promise.resolve();
    const replay = async (actions: TopologyActions): Promise<void> => {
      for (const queue of recorded) await this.record.replayOne(actions, queueOf(queue));
    };
    return this.onScratch(replay, 'while-open', channels);
  }

  /**
   * Declares one queue with its bindings, if it is on record.
   *
   * @returns the number of its consumers
   * @throws ChannelError if the queue does not exist or cannot be used
   */
  async replayQueue(queue: string): Promise<number> {
    // A locked queue is already being tried again.
    const locked = this.record.hasQueue(queue) && this.locked.get(this.record.knownAs(queue));
    if (locked) throw locked;
    return this.onScratch(async (actions, ask) => {
      await this.record.replayOne(actions, queueOf(queue));
      const { consumerCount } = await ask((on) => on.queueDeclare(this.record.resolve(queue), { passive: true }));
      return consumerCount;
    });
  }

  /**
   * Deletes an auto-delete entity that was declared again and whose users ended before they came back, since nobody else
   * would delete it.
   */
  discard(entity: Entity): void {
    this.left.set(keyOf(entity), entity);
    if (this.host.link) this.discarding ??= this.discardAll();
  }

  /** Called when a channel has ended and its number is free. */
  onChannelFree(): void {
    if (!this.wantsChannel || !this.host.link) return;
    this.wantsChannel = false;
    this.discarding ??= this.discardAll();
  }

  /** Resolves when no entity is being discarded. */
  async discarded(): Promise<void> {
    while (this.discarding) await this.discarding;
  }

  private async discardAll(): Promise<void> {
    try {
      await this.onScratch(async (actions, ask) => {
        for (const [key, entity] of this.left) {
          this.left.delete(key);
          try {
            await this.discardOne(entity, actions, ask);
          } catch (error) {
            this.left.set(key, entity);
            throw error;
          }
        }
      }, 'while-closing');
      this.discarding = undefined;
      // Entities that were added after the last call was sent.
      if (this.left.size > 0) this.discarding = this.discardAll();
    } catch (error) {
      this.wantsChannel = error instanceof NotAllowedError;
      // Tried again with the next connection or the next free channel.
      this.host.options.logger.warn(`auto-delete queues or exchanges that nobody uses are left: ${textOf(error)}`);
      this.discarding = undefined;
    }
  }

  /** Only if nobody uses the entity: a user may declare it again at the same moment. */
  private async discardOne(entity: Entity, actions: TopologyActions, ask: Ask): Promise<void> {
    await this.record.declarationsOf(entity);
    if (this.record.has(entity)) return;
    const { kind, name } = entity;
    const unused = { ifUnused: true };
    const remove = (on: Channel): Promise<unknown> =>
      kind === 'queue' ? on.queueDelete(name, unused) : on.exchangeDelete(name, unused);
    await ask(remove).catch(ifRefused);
    // A declaration may have been sent meanwhile on another channel, and the order of the two is unknown.
    await this.record.declarationsOf(entity);
    this.record.discarded(entity);
    await this.record.replayOne(actions, entity);
  }

  private async onScratch<R>(
    work: (actions: TopologyActions, ask: Ask) => Promise<R>,
    needed: 'while-open' | 'while-closing' = 'while-open',
    lenders: readonly Restorable[] = [],
  ): Promise<R> {
    this.forgetOtherLinks();
    let scratch: Channel | undefined;
    const channel = async (): Promise<Channel> => {
      if (!scratch?.isOpen) scratch = await this.openScratch(needed, lenders);
      return scratch;
    };
    /** A channel that is closed meanwhile for another reason gives no answer. Then the call is repeated. */
    const ask: Ask = async (call) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await call(await channel());
        } catch (error) {
          if (!(error instanceof ChannelClosedError) || attempt === ATTEMPTS) throw error;
        }
      }
    };
    try {
      const actions: TopologyActions = {
        declareExchange: (name, type, options) => ask((on) => on.exchangeDeclare(name, type, options)),
        declareQueue: (name, options) => ask((on) => on.queueDeclare(name, { ...options, passive: false })),
        findQueue: (name) => ask((on) => on.queueDeclare(name, { passive: true })).catch(ifRefused),
        bind: ({ kind, destination, source, routingKey, arguments: args }) =>
          ask((on) =>
            kind === 'queue'
              ? on.queueBind(destination, source, routingKey, { arguments: args })
              : on.exchangeBind(destination, source, routingKey, { arguments: args }),
          ),
        isLocked: (queue) => this.locked.has(queue),
        renamed: this.tell.renamed,
        succeeded: (entity, queue) => {
          if (queue !== undefined) this.locked.delete(queue);
          if (this.failing.delete(entity)) this.tell.restored(entity);
        },
        failed: (entity, error, queue) => {
          // A lost or silent connection ends the whole restore. Any other error concerns the entity alone.
          if (error instanceof ConnectionError || error instanceof TimeoutError) throw error;
          this.failed(entity, error);
          if (queue !== undefined && error instanceof ResourceLockedError) this.retryLater(queue, error);
        },
      };
      return await work(actions, ask);
    } catch (error) {
      // All channel-max channels are in use, so there is no channel to declare on.
      if (error instanceof NotAllowedError) this.failed('the topology', error);
      throw error;
    } finally {
      await scratch?.close();
    }
  }

  /** Each connection is tried and reported anew. */
  private forgetOtherLinks(): void {
    const { link } = this.host;
    if (this.knownOn === link) return;
    this.knownOn = link;
    this.failing.clear();
    this.locked.clear();
  }

  private failed(entity: string, error: unknown): void {
    if (this.failing.has(entity)) return;
    this.failing.add(entity);
    this.tell.failed(entity, error);
  }

  /** A broker that has not noticed the death of the former connection keeps its exclusive queues locked. */
  private retryLater(queue: string, error: ResourceLockedError): void {
    this.locked.set(queue, error);
    if (this.retryingOn !== this.host.link) void this.retryLocked();
  }

  private async retryLocked(): Promise<void> {
    const { link } = this.host;
    this.retryingOn = link;
    const { clock, random } = this.host.options;
    const backoff = new Backoff(50, 5_000, random);
    for (;;) {
      await pause(clock, backoff.next(), this.stop);
      if (this.host.link !== link || !this.host.restoring) return;
      if (this.locked.size === 0) {
        this.retryingOn = undefined;
        return;
      }
      try {
        await this.onScratch(async (actions) => {
          for (const queue of this.locked.keys()) {
            await this.record.replayOne(actions, queueOf(queue));
            if (!this.record.hasQueue(queue)) this.locked.delete(queue);
          }
        });
      } catch (error) {
        // If every channel is in use, the declaration is not tried, and waiting consumers end with this error.
        if (error instanceof NotAllowedError) for (const queue of this.locked.keys()) this.locked.set(queue, error);
        this.host.options.logger.warn(`what was locked was not declared again: ${textOf(error)}`);
      }
    }
  }
}

/** Returns undefined if the broker has refused the call, since the entity is then absent. Throws other errors again. */
function ifRefused(error: unknown): undefined {
  if (error instanceof ChannelError && !(error instanceof ChannelClosedError)) return undefined;
  throw error;
}
