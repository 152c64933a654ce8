import { Injectable } from '@nestjs/common';
import { checkConsumerOptions } from '../options/check-consumer-options.js';
import type { KindOptions } from '../options/consumer-metadata.js';
import type { DiscoveredConsumer, FoundConsumer } from './consumer.explorer.js';
import { Factories, isFactory } from './factories.js';
import { QueueNames } from './queue-names.js';

/** Finds the options and the queue of each consumer, which may come from factories. */
@Injectable()
export class ConsumerSettings {
  constructor(
    private readonly factories: Factories,
    private readonly queues: QueueNames,
  ) {}

  /** @throws InvalidConsumerError, ConfigurationError */
  async resolve(found: FoundConsumer): Promise<DiscoveredConsumer> {
    const { host, source } = found;
    const contracted = found.kind === 'batch' ? undefined : found.contracted;
    const { name } = host;
    const chosen = await this.optionsOf(found);
    checkConsumerOptions(name, chosen);
    const queue = this.queues.resolve(source, host);
    // The setting of a queue that is not consumed may be missing.
    if (chosen.options.enabled === false)
      return { ...chosen, host, contracted, name, queue: await queue.catch(() => '') };
    return { ...chosen, host, contracted, name, queue: await queue };
  }

  private async optionsOf({ kind, options, host }: FoundConsumer): Promise<KindOptions> {
    if (!isFactory(options)) return { kind, options } as KindOptions;
    return { kind, options: await this.factories.call(options, host, 'its options') } as KindOptions;
  }
}
