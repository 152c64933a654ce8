import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { SettlerFactory } from '../settlement/settler.factory.js';
import { AmqpRegistryModule } from '../module/amqp-registry.module.js';
import { CONNECTION_TARGET } from '../registry/connection-target.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { AmqpHarness, type HarnessOptions } from './amqp-harness.js';

/** Whose the harness is. */
class GivenHarness {
  constructor(readonly byTheTest: boolean) {}
}

/**
 * Leads every `AmqpModule` connection of an application to an embedded broker: `forRoot` and `forRootAsync`, with a name and
 * without. Import it beside the application's own module, and get the {@link AmqpHarness}; all else of the application is as
 * it is: topology, retries, guards, pipes.
 *
 * @example
 * ```ts
 * const module = await Test.createTestingModule({ imports: [AppModule, AmqpTestingModule.forRoot()] }).compile();
 * await module.init();
 * const harness = module.get(AmqpHarness);
 * ```
 *
 * @publicApi
 */
@Global()
@Module({ imports: [AmqpRegistryModule] })
export class AmqpTestingModule implements OnApplicationShutdown {
  constructor(
    private readonly harness: AmqpHarness,
    private readonly given: GivenHarness,
    private readonly registry: ConnectionRegistry,
    settlers: SettlerFactory,
  ) {
    harness.apps.attach(registry, settlers);
  }

  /**
   * With a broker of its own, which is closed with the application; or with a harness that you have started and close
   * yourself: for several applications on one broker, or one that is started again.
   */
  static forRoot(given: AmqpHarness | HarnessOptions = {}): DynamicModule {
    const harness = given instanceof AmqpHarness ? given : undefined;
    const start = async (): Promise<AmqpHarness> => harness ?? AmqpHarness.start(given as HarnessOptions);
    return {
      module: AmqpTestingModule,
      providers: [
        { provide: AmqpHarness, useFactory: start },
        { provide: GivenHarness, useValue: new GivenHarness(harness !== undefined) },
        { provide: CONNECTION_TARGET, useFactory: ({ apps }: AmqpHarness) => apps, inject: [AmqpHarness] },
      ],
      exports: [AmqpHarness, CONNECTION_TARGET],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    // Whichever of the two Nest shuts down first: the connections are closed before their broker is.
    await this.registry.onApplicationShutdown();
    this.harness.apps.detach(this.registry);
    if (!this.given.byTheTest) await this.harness.close();
  }
}
