import type { Channel } from '../channel/channel.js';
import type { Link } from '../link/link.js';
import type { ChannelHost, Restorable } from '../channel/channel-host.js';
import { Backoff } from '../../environment/index.js';
import { ChannelError, NotAllowedError, ResourceLockedError } from '../errors.js';
import { textOf } from '../text-of.js';
import type { TopologyActions, TopologyRecord } from '../channel/topology-record.js';

/** What is told, one event for each change. */
export interface RestorerEvents {
  /** The broker has given a queue another name. */
  renamed(queue: string, name: string): void;
  failed(entity: string, error: unknown): void;
  /** It is there after all. */
  restored(entity: string): void;
}

/**
 * Declares again what was declared on a connection, on scratch channels of its own: where the broker refuses one entity,
 * only a scratch channel is lost.
 */
export class TopologyRestorer {
  /** What was told to have failed, and is not there yet: told once, however often it is tried. */
  private readonly failing = new Set<string>();
  private readonly locked = new Set<string>();
  private replayedOn: Link | undefined;
  private retryingOn: Link | undefined;

  constructor(
    private readonly record: TopologyRecord,
    private readonly host: Pick<ChannelHost, 'link' | 'options' | 'restoring'>,
    private readonly openScratch: () => Promise<Channel>,
    private readonly tell: RestorerEvents,
  ) {}

  /** Everything, after a lost connection. */
  async replayAll(): Promise<void> {
    const { link } = this.host;
    if (this.replayedOn !== link) {
      this.failing.clear();
      this.locked.clear();
    }
    this.replayedOn = link;
    await this.onScratch((actions) => this.record.replay(actions));
  }

  /** What the channels' consumers need, after an error of the channel: its auto-delete queues have gone with it. */
  replayFor(channels: readonly Restorable[]): Promise<void> {
    const queues = new Set(channels.flatMap((channel) => channel.consumers.list().map(({ queue }) => queue)));
    const recorded = [...queues].filter((queue) => this.record.hasQueue(queue));
    if (recorded.length === 0) return Promise.resolve();
    return this.onScratch(async (actions) => {
      for (const queue of recorded) await this.record.replayOne(actions, queue);
    });
  }

  /** One queue with its bindings. @throws ChannelError when it is not there and was not declared here */
  async replayQueue(queue: string): Promise<void> {
    if (this.record.hasQueue(queue)) {
      await this.onScratch((actions) => this.record.replayOne(actions, queue));
      return;
    }
    const scratch = await this.openScratch();
    try {
      await scratch.queueDeclare(queue, { passive: true });
    } finally {
      await scratch.close();
    }
  }

  private async onScratch(work: (actions: TopologyActions) => Promise<void>): Promise<void> {
    let scratch: Channel | undefined;
    const channel = async (): Promise<Channel> => {
      if (!scratch?.isOpen) scratch = await this.openScratch();
      return scratch;
    };
    try {
      await work({
        declareExchange: async (name, type, options) => (await channel()).exchangeDeclare(name, type, options),
        declareQueue: async (name, options) =>
          (await (await channel()).queueDeclare(name, { ...options, passive: false })).queue,
        queueExists: async (name) => {
          try {
            await (await channel()).queueDeclare(name, { passive: true });
            return true;
          } catch (error) {
            if (error instanceof ChannelError) return false;
            throw error;
          }
        },
        bind: async ({ kind, destination, source, routingKey, arguments: args }) => {
          const on = await channel();
          if (kind === 'queue') await on.queueBind(destination, source, routingKey, { arguments: args });
          else await on.exchangeBind(destination, source, routingKey, { arguments: args });
        },
        renamed: this.tell.renamed,
        succeeded: (entity, queue) => {
          if (queue !== undefined) this.locked.delete(queue);
          if (this.failing.delete(entity)) this.tell.restored(entity);
        },
        failed: (entity, error, queue) => {
          // A lost connection ends the whole restore; only what the broker refuses is a failure of the entity.
          if (!(error instanceof ChannelError)) throw error;
          this.failed(entity, error);
          if (queue !== undefined && error instanceof ResourceLockedError) this.retryLater(queue);
        },
      });
    } catch (error) {
      // channel-max is used up: there is no channel to declare anything on.
      if (error instanceof NotAllowedError) this.failed('the topology', error);
      throw error;
    } finally {
      await scratch?.close();
    }
  }

  private failed(entity: string, error: unknown): void {
    if (this.failing.has(entity)) return;
    this.failing.add(entity);
    this.tell.failed(entity, error);
  }

  /** A broker that has not noticed yet that the connection of before is dead keeps its exclusive queues locked. */
  private retryLater(queue: string): void {
    this.locked.add(queue);
    if (this.retryingOn !== this.host.link) void this.retryLocked();
  }

  private async retryLocked(): Promise<void> {
    const { link } = this.host;
    this.retryingOn = link;
    const { clock, random } = this.host.options;
    const backoff = new Backoff(50, 2_000, random);
    for (;;) {
      await new Promise<void>((resolve) => clock.after(backoff.next(), resolve));
      if (this.host.link !== link || !this.host.restoring) return;
      if (this.locked.size === 0) {
        this.retryingOn = undefined;
        return;
      }
      try {
        await this.onScratch(async (actions) => {
          for (const queue of this.locked) {
            await this.record.replayOne(actions, queue);
            if (!this.record.hasQueue(queue)) this.locked.delete(queue);
          }
        });
      } catch (error) {
        this.host.options.logger.warn(`what was locked was not declared again: ${textOf(error)}`);
      }
    }
  }
}
