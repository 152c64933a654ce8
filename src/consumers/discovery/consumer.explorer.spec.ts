import { Controller, Inject, Injectable, Module, Scope, UseGuards, type CanActivate } from '@nestjs/common';
import { DiscoveryModule, ModulesContainer, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer } from '../decorators/amqp-consumer.decorator.js';
import { ConsumerMetadataAccessor } from './consumer-metadata.accessor.js';
import { ConsumerExplorer, type FoundConsumer } from './consumer.explorer.js';
import { isShared } from '../pipeline/handler-host.js';

interface Host {
  readonly imports?: never[];
  readonly providers?: object[];
  readonly controllers?: object[];
}

/** Returns the consumers that the explorer finds in an application with these providers and controllers. */
async function exploreApp(host: Host): Promise<{ consumers: FoundConsumer[]; modules: ModulesContainer }> {
  @Module(host as never)
  class HostModule {}

  const app = await Test.createTestingModule({
    imports: [HostModule, DiscoveryModule],
    providers: [ConsumerExplorer, ConsumerMetadataAccessor],
  }).compile();
  const modules = app.get(ModulesContainer, { strict: false });
  return { consumers: app.get(ConsumerExplorer).consumers(), modules };
}

@Injectable()
class Billing {
  @AmqpConsumer('billing', { prefetch: 2 })
  onOrder(): void {}

  helper(): void {}

  get accessor(): never {
    throw new Error('nobody may call this');
  }
}

@Controller('orders')
class Orders {
  @AmqpConsumer('audit')
  @AmqpConsumer('archive')
  onAnything(): void {}
}

@Injectable()
class Inherited extends Billing {}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Billing {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Billing {}

@Injectable()
class NeedsRequest {
  constructor(@Inject(REQUEST) readonly request: unknown) {}

  @AmqpConsumer('billing')
  onOrder(): void {}
}

@Injectable({ scope: Scope.REQUEST })
class RequestGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class Guarded {
  @AmqpConsumer('billing')
  @UseGuards(RequestGuard)
  onOrder(): void {}
}

const names = (consumers: readonly FoundConsumer[]): string[] =>
  consumers.map(({ host, source }) => `${host.name} ← ${String(source)}`);

describe('ConsumerExplorer', () => {
  it('finds methods of providers and controllers', async () => {
    const { consumers } = await exploreApp({ providers: [Billing], controllers: [Orders] });
    expect(names(consumers).sort()).toEqual([
      'Billing.onOrder ← billing',
      'Orders.onAnything ← archive',
      'Orders.onAnything ← audit',
    ]);
  });

  it('tells where each one lives', async () => {
    const { consumers, modules } = await exploreApp({ providers: [Billing] });
    const [consumer] = consumers;
    expect(consumer).toMatchObject({ host: { methodName: 'onOrder' }, options: { prefetch: 2 } });
    expect(consumer?.host.wrapper.instance).toBeInstanceOf(Billing);
    expect(modules.get(consumer?.host.moduleKey ?? '')?.metatype?.name).toBe('HostModule');
  });

  it('finds what a class inherits', async () => {
    const { consumers } = await exploreApp({ providers: [Inherited] });
    expect(names(consumers)).toEqual(['Inherited.onOrder ← billing']);
  });

  it('finds instances that a factory or a value provides', async () => {
    const { consumers } = await exploreApp({
      providers: [
        { provide: 'made', useFactory: () => new Billing() },
        { provide: 'given', useValue: new Inherited() },
      ],
    });
    expect(names(consumers).sort()).toEqual(['Billing.onOrder ← billing', 'Inherited.onOrder ← billing']);
  });

  it('takes an instance with several tokens once, and from the module of its class', async () => {
    @Module({ providers: [Billing], exports: [Billing] })
    class BillingModule {}

    @Module({
      imports: [BillingModule],
      providers: [
        { provide: 'alias', useExisting: Billing },
        { provide: 'passed on', useFactory: (billing: Billing) => billing, inject: [Billing] },
      ],
    })
    class AliasModule {}

    const app = await Test.createTestingModule({
      imports: [AliasModule, DiscoveryModule],
      providers: [ConsumerExplorer, ConsumerMetadataAccessor],
    }).compile();
    const consumers = app.get(ConsumerExplorer).consumers();
    expect(names(consumers)).toEqual(['Billing.onOrder ← billing']);
    const modules = app.get(ModulesContainer, { strict: false });
    expect(modules.get(consumers[0]?.host.moduleKey ?? '')?.metatype).toBe(BillingModule);
  });

  it('passes over what is not a class instance', async () => {
    const values = [
      null,
      undefined,
      'text',
      7,
      Object.create(null) as object,
      Object.create(Object.create(null)) as object,
      Billing,
      [],
    ];
    const providers = values.map((useValue, index) => ({ provide: `value ${index}`, useValue }));
    const { consumers } = await exploreApp({ providers });
    expect(consumers).toEqual([]);
  });

  it.each([PerRequest, Transient, NeedsRequest, Guarded])('finds %p once, with no instance there', async (type) => {
    const aliases = [
      { provide: 'alias', useExisting: type },
      { provide: 'passed on', useFactory: (instance: object) => instance, inject: [type] },
    ];
    const { consumers } = await exploreApp({ providers: [...aliases, type] });
    expect(names(consumers)).toEqual([`${type.name}.onOrder ← billing`]);
    expect(isShared(consumers[0]!.host.wrapper)).toBe(false);
  });
});
