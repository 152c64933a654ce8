import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ConsumerMetadataAccessor } from './consumer-metadata.accessor.js';
import type { ConsumerMetadata } from '../options/consumer-metadata.js';
import { isShared, type HandlerHost, type Wrapper } from '../pipeline/handler-host.js';
import type { ListenerMetadata } from '../options/consumer-metadata.js';

/** A method that consumes from a queue. */
export type FoundConsumer = ConsumerMetadata & { readonly host: HandlerHost };

/** Likewise, with its queue known by name. */
export type DiscoveredConsumer = FoundConsumer & {
  /** For people: `BillingConsumer.onOrder`. */
  readonly name: string;
  readonly queue: string;
};

interface FoundMethod {
  readonly method: unknown;
  readonly host: HandlerHost;
}

/** A method that listens to events. */
export type FoundListener = ListenerMetadata & { readonly host: HandlerHost };

/** Finds every consumer and listener among the providers and controllers of the application, whatever their scope. */
@Injectable()
export class ConsumerExplorer {
  private readonly logger = new Logger('AmqpConsumer');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly metadata: ConsumerMetadataAccessor,
    private readonly modules: ModulesContainer,
  ) {}

  consumers(): FoundConsumer[] {
    const methods = this.methods();
    this.warnOfDoubles(methods);
    return methods.flatMap(({ method, host }) =>
      this.metadata.getConsumers(method).map((consumer) => ({ ...consumer, host })),
    );
  }

  listeners(): FoundListener[] {
    return this.methods().flatMap(({ method, host }) =>
      this.metadata.getListeners(method).map((listener) => ({ ...listener, host })),
    );
  }

  /** A class that two modules provide has two instances, and each consumes. */
  private warnOfDoubles(methods: readonly FoundMethod[]): void {
    const modulesOf = new Map<unknown, Set<string>>();
    for (const { method, host } of methods) {
      if (this.metadata.getConsumers(method).length === 0) continue;
      const modules = modulesOf.get(host.wrapper.metatype) ?? new Set();
      modulesOf.set(host.wrapper.metatype, modules.add(host.wrapper.host?.name ?? ''));
    }
    for (const [type, modules] of modulesOf) {
      if (modules.size < 2) continue;
      const { name } = type as { readonly name: string };
      this.logger.warn(
        `${name} is provided by ${[...modules].join(' and ')}: each module has an instance of its own, and each instance ` +
          'consumes. Provide it in one module, and export it from there.',
      );
    }
  }

  private methods(): FoundMethod[] {
    return this.hosts().flatMap(({ wrapper, prototype, className }) =>
      this.scanner.getAllMethodNames(prototype).map((methodName) => ({
        method: (prototype as Record<string, unknown>)[methodName],
        host: {
          name: `${className}.${methodName}`,
          methodName,
          prototype,
          wrapper,
          moduleKey: this.moduleKeyOf(wrapper),
        },
      })),
    );
  }

  /**
   * Each object once. It may be there under several tokens: by useExisting, or a factory that returns what it injects.
   * Where its class is the provider, there its guards and pipes are, so that comes first.
   */
  private hosts(): { readonly wrapper: Wrapper; readonly prototype: object; readonly className: string }[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()].filter(
      ({ isAlias }) => !isAlias,
    );
    const classes = wrappers.filter(({ isNotMetatype }) => !isNotMetatype);
    const scoped = new Set(classes.filter((wrapper) => !isShared(wrapper)).map(({ metatype }) => metatype));
    const seen = new Set<object>();
    return [...classes, ...wrappers.filter(({ isNotMetatype }) => isNotMetatype)].flatMap((wrapper) => {
      const prototype = prototypeOf(wrapper);
      if (!prototype) return [];
      const { constructor } = prototype;
      if (isShared(wrapper)) {
        const instance = wrapper.instance as object;
        if (seen.has(instance) || (wrapper.isNotMetatype && scoped.has(constructor))) return [];
        seen.add(instance);
      }
      return [{ wrapper, prototype, className: constructor.name }];
    });
  }

  private moduleKeyOf({ host }: Wrapper): string {
    for (const [key, module] of this.modules) if (module === host) return key;
    return '';
  }
}

/** The prototype of what is provided; undefined for what is no instance of a class, or made by a factory for each request. */
function prototypeOf(wrapper: Wrapper): object | undefined {
  if (!isShared(wrapper)) {
    return wrapper.isNotMetatype ? undefined : ((wrapper.metatype as { prototype?: object }).prototype ?? undefined);
  }
  const instance: unknown = wrapper.instance;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype = Object.getPrototypeOf(instance) as object | null;
  return typeof prototype?.constructor === 'function' ? prototype : undefined;
}
