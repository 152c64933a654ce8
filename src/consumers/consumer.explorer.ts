import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ConsumerMetadataAccessor } from './consumer-metadata.accessor.js';
import type { ConsumerMetadata } from './consumer-options.js';
import { InvalidConsumerError } from './consumer.errors.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A method that consumes from a queue. */
export interface DiscoveredConsumer extends ConsumerMetadata {
  /** For people: `BillingConsumer.onOrder`. */
  readonly name: string;
  readonly instance: object;
  readonly methodName: string;
  /** Key, in Nest's container, of the module that holds the instance; its enhancers are found there. */
  readonly moduleKey: string;
}

/** Finds every consumer among the providers and controllers of the application. */
@Injectable()
export class ConsumerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly metadata: ConsumerMetadataAccessor,
    private readonly modules: ModulesContainer,
  ) {}

  /** @throws InvalidConsumerError */
  explore(): DiscoveredConsumer[] {
    const seen = new Set<object>();
    const consumers: DiscoveredConsumer[] = [];
    for (const wrapper of this.candidates()) {
      const instance: unknown = wrapper.instance;
      if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue;
      seen.add(instance);
      consumers.push(...this.exploreInstance(wrapper, instance));
    }
    return consumers;
  }

  /**
   * One object may be there under several tokens: by useExisting, or a factory that returns what it injects. Where its
   * class is the provider, there its guards and pipes are, so that comes first.
   */
  private candidates(): Wrapper[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    return wrappers.sort((a, b) => Number(a.isNotMetatype) - Number(b.isNotMetatype));
  }

  private exploreInstance(wrapper: Wrapper, instance: object): DiscoveredConsumer[] {
    const prototype = Object.getPrototypeOf(instance) as Record<string, unknown> | null;
    if (prototype === null) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((methodName) =>
      this.metadata.getConsumers(prototype[methodName]).map((consumer) => {
        const name = `${instance.constructor.name}.${methodName}`;
        refuseScoped(wrapper, name);
        return { ...consumer, name, instance, methodName, moduleKey: this.moduleKeyOf(wrapper) };
      }),
    );
  }

  private moduleKeyOf({ host }: Wrapper): string {
    for (const [key, module] of this.modules) if (module === host) return key;
    return '';
  }
}

/** A consumer that is passed over in silence is a queue that nobody empties. */
function refuseScoped(wrapper: Wrapper, name: string): void {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return;
  throw new InvalidConsumerError(
    `${name} cannot be a consumer: its class, something that it injects, or one of its guards, pipes, interceptors or ` +
      'filters is request-scoped or transient. Make them default-scoped, and take what belongs to one message from ' +
      'the AmqpContext.',
  );
}
