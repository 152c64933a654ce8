import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { SettlerFactory } from '../settlement/settler.factory.js';
import { AmqpRegistryModule } from '../module/amqp-registry.module.js';
import { CONNECTION_TARGET } from '../registry/connection-target.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { AmqpHarness, checkHarnessOptions, type HarnessOptions } from './amqp-harness.js';

/** Records who owns the harness. */
class GivenHarness {
  constructor(readonly byTheTest: boolean) {}
}

/**
 * Connects every `AmqpModule` connection of an application (`forRoot` and `forRootAsync`, named or not) to an embedded
 * broker. Import it beside the application's own module, and get the {@link AmqpHarness}. Topology, retries, guards and
 * pipes of the application run unchanged.
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
   * Starts a broker that closes with the application, or uses a harness that you start and close yourself, for several
   * applications on one broker or for restarts of an application.
   */
  static forRoot(given: AmqpHarness | HarnessOptions = {}): DynamicModule {
    const harness = given instanceof AmqpHarness ? given : undefined;
    if (!harness) checkHarnessOptions(given as HarnessOptions);
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
    // The connections must close before their broker, whichever of the two Nest shuts down first.
    await this.registry.onApplicationShutdown();
    this.harness.apps.detach(this.registry);
    if (!this.given.byTheTest) await this.harness.close();
  }
}
