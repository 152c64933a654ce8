import type { Channel } from '../channel/channel.js';
import type { Restorable } from '../channel/channel-host.js';
import { ChannelError } from '../errors.js';
import type { TopologyActions, TopologyRecord } from '../channel/topology-record.js';

/**
 * Declares again what was declared on a connection, on scratch channels of its own: where the broker refuses one entity,
 * only a scratch channel is lost.
 */
export class TopologyRestorer {
  constructor(
    private readonly record: TopologyRecord,
    private readonly openScratch: () => Promise<Channel>,
    private readonly renamed: (queue: string, name: string) => void,
    private readonly failed: (entity: string, error: unknown) => void,
  ) {}

  /** Everything, after a lost connection. */
  replayAll(): Promise<void> {
    return this.onScratch((actions) => this.record.replay(actions));
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
        renamed: this.renamed,
        succeeded: () => {},
        failed: (entity, error) => {
          // A lost connection ends the whole restore; only what the broker refuses is a failure of the entity.
          if (!(error instanceof ChannelError)) throw error;
          this.failed(entity, error);
        },
      });
    } finally {
      await scratch?.close();
    }
  }
}
