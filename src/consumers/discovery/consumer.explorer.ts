import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, LazyModuleLoader, MetadataScanner, ModuleRef, ModulesContainer } from '@nestjs/core';
import { FieldLogger } from '../../common/field-logger.js';
import { ConsumerMetadataAccessor } from './consumer-metadata.accessor.js';
import type { ConsumerMetadata, Contracted, KindOptions } from '../options/consumer-metadata.js';
import { isShared, type HandlerHost, type Wrapper } from '../pipeline/handler-host.js';
import type { ListenerMetadata } from '../options/consumer-metadata.js';
import { markFound } from '../decorators/found-hosts.js';

/** A method that consumes from a queue. */
export type FoundConsumer = ConsumerMetadata & { readonly host: HandlerHost };

/** A method that consumes from a queue, with its options. */
export type DiscoveredConsumer = KindOptions & {
  readonly host: HandlerHost;
  readonly contracted?: Contracted | undefined;
  /** Its name in logs and errors: `BillingConsumer.onOrder`. */
  readonly name: string;
  /** Empty for a consumer that is off and has no queue. */
  readonly queue: string;
};

interface FoundMethod {
  readonly method: unknown;
  readonly host: HandlerHost;
}

interface FoundHost {
  readonly wrapper: Wrapper;
  readonly prototype: object;
  /** The instance, or the prototype if each message has an instance of its own. */
  readonly key: object;
  readonly className: string;
}

/** A method that listens to events. */
export type FoundListener = ListenerMetadata & { readonly host: HandlerHost };

/** Finds all consumers and listeners among the providers and controllers of the application, in every scope. */
@Injectable()
export class ConsumerExplorer implements OnModuleInit {
  private readonly logger = new FieldLogger('AmqpConsumer');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly metadata: ConsumerMetadataAccessor,
    private readonly modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
  ) {}

  onModuleInit(): void {
    for (const { key } of this.hosts()) markFound(key);
    this.watchLazyModules();
  }

  consumers(): FoundConsumer[] {
    return this.methods().flatMap(({ method, host }) =>
      this.metadata.getConsumers(method).map((consumer) => ({ ...consumer, host })),
    );
  }

  listeners(): FoundListener[] {
    return this.methods().flatMap(({ method, host }) =>
      this.metadata.getListeners(method).map((listener) => ({ ...listener, host })),
    );
  }

  /** A class that two modules provide, or one under two tokens, has two instances, and each consumes. */
  warnOfDoubles(consumers: readonly FoundConsumer[]): void {
    const wrappersOf = new Map<unknown, Set<Wrapper>>();
    for (const { host } of consumers) {
      const { metatype } = host.wrapper;
      wrappersOf.set(metatype, (wrappersOf.get(metatype) ?? new Set()).add(host.wrapper));
    }
    for (const [type, wrappers] of wrappersOf) {
      if (wrappers.size < 2) continue;
      const { name } = type as { readonly name: string };
      const modules = new Set([...wrappers].map(({ host }) => host?.name ?? ''));
      if (modules.size < 2) {
        const tokens = [...wrappers].map(({ token }) => (typeof token === 'function' ? token.name : String(token)));
        this.logger.warn(
          `${name} is provided under the tokens ${tokens.join(' and ')}: each has an instance of its own, and each instance ` +
            'consumes. Provide it once, and let the other tokens use it by useExisting.',
        );
        continue;
      }
      this.logger.warn(
        `${name} is provided by ${[...modules].join(' and ')}: each module has an instance of its own, and each instance ` +
          'consumes. Provide it in one module, and export it from there.',
      );
    }
  }

  /** Nest runs no lifecycle hooks for lazily loaded modules, so their loader is observed. */
  private watchLazyModules(): void {
    const loader = this.moduleRef.get(LazyModuleLoader, { strict: false });
    const load = loader.load.bind(loader);
    loader.load = async (...args) => {
      const loaded = await load(...args);
      this.warnOfLatecomers();
      return loaded;
    };
  }

  private warnOfLatecomers(): void {
    const late = new Set(this.hosts().flatMap(({ key, wrapper }) => (markFound(key) ? [wrapper] : [])));
    for (const { method, host } of this.methods()) {
      if (!late.has(host.wrapper) || this.metadata.getConsumers(method).length === 0) continue;
      this.logger.warn(
        `${host.name} gets no messages: its module was loaded lazily, and consumers start with the application. Import ` +
          'the module in one that the application starts with.',
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
   * Returns each object once. An object has several tokens if `useExisting` or a factory returns it. The provider whose
   * token is its class comes first, since guards and pipes are found there.
   */
  private hosts(): FoundHost[] {
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
      const shared = isShared(wrapper);
      const key = shared ? (wrapper.instance as object) : prototype;
      if (shared) {
        if (seen.has(key) || (wrapper.isNotMetatype && scoped.has(constructor))) return [];
        seen.add(key);
      }
      return [{ wrapper, prototype, key, className: constructor.name }];
    });
  }

  private moduleKeyOf({ host }: Wrapper): string {
    for (const [key, module] of this.modules) if (module === host) return key;
    return '';
  }
}

/**
 * Returns the prototype of the provided object; undefined if it is no instance of a class, or if a factory creates one
 * for each request.
 */
function prototypeOf(wrapper: Wrapper): object | undefined {
  if (!isShared(wrapper)) {
    return wrapper.isNotMetatype ? undefined : ((wrapper.metatype as { prototype?: object }).prototype ?? undefined);
  }
  const instance: unknown = wrapper.instance;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype = Object.getPrototypeOf(instance) as object | null;
  return typeof prototype?.constructor === 'function' ? prototype : undefined;
}
