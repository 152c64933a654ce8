import { Inject, Module, type DynamicModule, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from '../../lib/client/index.js';
import { startLastAndStopFirst } from '../common/stop-first.js';
import { SERVERS } from '../consumers/discovery/described-server.js';
import { AmqpServer } from './server/amqp.server.js';

/**
 * Stops servers with a connection of their own before Nest destroys the providers that their handlers use. On a signal,
 * and in a hybrid application also on `app.close()`, Nest closes a strategy only after those providers. Servers of
 * `AmqpService` do not need this module.
 *
 * @example
 * ```ts
 * export const server = new AmqpServer({ urls: ['amqp://localhost'], queue: 'orders' });
 *
 * @Module({ imports: [AmqpServersModule.register([server])] })
 * class AppModule {}
 *
 * const app = await NestFactory.createMicroservice(AppModule, { strategy: server });
 * app.enableShutdownHooks();
 * await app.listen();
 * ```
 *
 * @publicApi
 */
@Module({})
export class AmqpServersModule implements OnModuleDestroy {
  constructor(
    modules: ModulesContainer,
    @Inject(SERVERS) private readonly servers: readonly AmqpServer[],
  ) {
    startLastAndStopFirst(modules, AmqpServersModule);
  }

  /** @throws ConfigurationError for anything but a list of servers */
  static register(servers: readonly AmqpServer[]): DynamicModule {
    if (!Array.isArray(servers) || !servers.every((server) => server instanceof AmqpServer)) {
      throw new ConfigurationError('AmqpServersModule.register() takes a list of AmqpServer: register([server])');
    }
    return { module: AmqpServersModule, providers: [{ provide: SERVERS, useValue: [...servers] }] };
  }

  /** Nest closes the servers again later, which has no effect. */
  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }
}
