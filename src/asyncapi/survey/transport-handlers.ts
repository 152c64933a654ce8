import { ModulesContainer, MetadataScanner } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import {
  isDescribed,
  SERVERS,
  type DescribedServer,
  type ServerDescription,
} from '../../consumers/discovery/described-server.js';

/** A method with `@MessagePattern` or `@EventPattern`. */
export interface PatternHandler {
  /** `OrdersService.place` */
  readonly name: string;
  readonly prototype: object;
  readonly methodName: string;
  readonly patterns: readonly unknown[];
  readonly isEvent: boolean;
  /** Undefined for every transport. */
  readonly transport: unknown;
}

/** Nest's metadata of these methods, in `@nestjs/microservices/constants`. The package is optional. */
const METADATA = {
  kind: 'microservices:handler_type',
  patterns: 'microservices:pattern',
  transport: 'microservices:transport',
} as const;
/** The value of `handler_type` for `@EventPattern`. */
const EVENT = 2;

/** Returns the servers of the transport: those that Nest has connected, and those of `AmqpServersModule`. */
export function serversOf(app: INestApplicationContext): readonly DescribedServer[] {
  const modules = app.get(ModulesContainer, { strict: false });
  const found = new Set<DescribedServer>();
  const add = (server: unknown): void => void (isDescribed(server) && found.add(server));
  for (const { providers } of modules.values()) {
    for (const { token, instance } of providers.values()) {
      if (token === SERVERS) for (const server of instance as readonly unknown[]) add(server);
    }
  }
  // It tells those that it has at once.
  modules.getRpcTargetRegistry<unknown>().subscribe(add).unsubscribe();
  return [...found];
}

/** Returns the handlers of all transports, among the controllers. */
export function patternHandlers(app: INestApplicationContext): readonly PatternHandler[] {
  const scanner = new MetadataScanner();
  const classes = new Set<{ readonly name: string; readonly prototype: object }>();
  for (const { controllers } of app.get(ModulesContainer, { strict: false }).values()) {
    for (const { metatype } of controllers.values()) {
      if (typeof metatype === 'function')
        classes.add(metatype as { readonly name: string; readonly prototype: object });
    }
  }
  return [...classes].flatMap(({ name, prototype }) =>
    scanner.getAllMethodNames(prototype).flatMap((methodName) => {
      const method = (prototype as Readonly<Record<string, object>>)[methodName]!;
      const kind: unknown = Reflect.getMetadata(METADATA.kind, method);
      if (kind === undefined) return [];
      return [
        {
          name: `${name}.${methodName}`,
          prototype,
          methodName,
          patterns: Reflect.getMetadata(METADATA.patterns, method) as readonly unknown[],
          isEvent: kind === EVENT,
          transport: Reflect.getMetadata(METADATA.transport, method) as unknown,
        },
      ];
    }),
  );
}

/** Returns the handlers that a server calls. */
export function handlersOf(
  { transport }: Pick<ServerDescription, 'transport'>,
  handlers: readonly PatternHandler[],
): readonly PatternHandler[] {
  return handlers.filter((one) => one.transport === undefined || one.transport === transport);
}
