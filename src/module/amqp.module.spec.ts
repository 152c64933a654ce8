import 'reflect-metadata';
import { Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, ConnectionClosedError, ConnectionError } from '../../lib/client/index.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import { getConfirmingPublisherToken } from '../publishers/publisher.tokens.js';
import { AmqpConsumersModule } from './amqp-consumers.module.js';
import type { AmqpModuleOptions, AmqpOptionsFactory } from '../registry/amqp-module.options.js';
import { AmqpRegistryModule } from './amqp-registry.module.js';
import { AmqpModule } from './amqp.module.js';
import { getConnectionToken, getModuleOptionsToken } from '../connection/amqp.tokens.js';
import type { NamedConnection } from '../registry/named-connection.js';
import { AmqpStartupError } from '../connection/startup.errors.js';

/** Nobody listens on port 1. */
const NOWHERE = 'amqp://guest:s3cret@127.0.0.1:1';

const compile = (...imports: DynamicModule[]): Promise<TestingModule> =>
  Test.createTestingModule({ imports }).compile();

const optionsOf = (app: TestingModule): AmqpModuleOptions => app.get(getModuleOptionsToken(), { strict: false });

@Injectable()
class Options implements AmqpOptionsFactory {
  createAmqpOptions(): string {
    return NOWHERE;
  }
}

@Module({ providers: [Options], exports: [Options] })
class OptionsModule {}

describe('AmqpModule', () => {
  it('does not connect before it is initialised', async () => {
    const app = await compile(AmqpModule.forRoot(NOWHERE));
    expect(app.get(ConfirmingPublisher, { strict: false })).toBeInstanceOf(ConfirmingPublisher);
    await app.close();
  });

  it.each([
    ['forRoot with a URL', AmqpModule.forRoot(NOWHERE)],
    ['forRoot with options', AmqpModule.forRoot({ url: NOWHERE })],
    ['useFactory', AmqpModule.forRootAsync({ useFactory: () => Promise.resolve({ url: NOWHERE }) })],
    ['useFactory with a URL', AmqpModule.forRootAsync({ useFactory: () => NOWHERE })],
    ['useClass', AmqpModule.forRootAsync({ useClass: Options })],
    ['useExisting', AmqpModule.forRootAsync({ imports: [OptionsModule], useExisting: Options })],
    [
      'inject',
      AmqpModule.forRootAsync({
        imports: [OptionsModule],
        inject: [Options],
        useFactory: (options: Options) => options.createAmqpOptions(),
      }),
    ],
  ])('takes its options by %s', async (_, module) => {
    expect(optionsOf(await compile(module))).toEqual({ url: NOWHERE });
  });

  it.each([
    ['an empty URL', AmqpModule.forRoot('')],
    ['no URL', AmqpModule.forRoot({} as AmqpModuleOptions)],
    ['an empty list', AmqpModule.forRoot({ url: [] })],
    ['an unset variable', AmqpModule.forRootAsync({ useFactory: () => ({ url: undefined as unknown as string }) })],
  ])('refuses %s and says what to give', async (_, module) => {
    const compiling = compile(module);
    await expect(compiling).rejects.toThrow(ConfigurationError);
    await expect(compiling).rejects.toThrow(/AmqpModule has no broker URL: give one as in AmqpModule\.forRoot\('amqp:/);
  });

  it('is there once for each name, with options and a publisher of its own', async () => {
    const app = await compile(
      AmqpModule.forRoot(NOWHERE),
      AmqpModule.forRoot({ name: 'billing', url: `${NOWHERE}/billing` }),
      AmqpModule.forRootAsync({ name: 'audit', useFactory: () => `${NOWHERE}/audit` }),
    );
    const get = <T>(token: InjectionToken): T => app.get(token, { strict: false });
    expect(get(getModuleOptionsToken())).toEqual({ url: NOWHERE });
    expect(get(getModuleOptionsToken('billing'))).toEqual({ url: `${NOWHERE}/billing` });
    expect(get(getModuleOptionsToken('audit'))).toEqual({ url: `${NOWHERE}/audit` });
    const publishers = ['default', 'billing', 'audit'].map((name) => get(getConfirmingPublisherToken(name)));
    for (const publisher of publishers) expect(publisher).toBeInstanceOf(ConfirmingPublisher);
    expect(new Set(publishers).size).toBe(3);
    expect(get(ConfirmingPublisher)).toBe(publishers[0]);
    await app.close();
  });

  it('refuses to be there twice', async () => {
    const compiling = compile(AmqpModule.forRoot(NOWHERE), AmqpModule.forRoot({ url: NOWHERE, prefetch: 5 }));
    await expect(compiling).rejects.toThrow("AmqpModule.forRoot() is called twice for the connection 'default'");
  });

  it('fails to start when the broker cannot be reached, with a typed error and no password in it', async () => {
    const app = await compile(AmqpModule.forRoot({ url: NOWHERE, startupTimeout: 2_000 }));
    const failure = (await app.init().catch((error: unknown) => error)) as AmqpStartupError;
    expect(failure).toBeInstanceOf(AmqpStartupError);
    expect(failure).toMatchObject({ connection: 'default', tried: ['127.0.0.1:1'], startupTimeout: 2_000 });
    expect(failure.cause).toBeInstanceOf(ConnectionError);
    expect(failure.message).toContain('127.0.0.1:1');
    expect(`${failure.message}${failure.stack ?? ''}`).not.toContain('s3cret');
  });

  it('opens no connection once it is closed', async () => {
    const app = await compile(AmqpModule.forRoot(NOWHERE));
    await app.close();
    const { connections } = app.get<NamedConnection>(getConnectionToken(), { strict: false });
    await expect(connections.open()).rejects.toThrow(ConnectionClosedError);
    await expect(app.get(ConfirmingPublisher, { strict: false }).sendToQueue('q', 1)).rejects.toThrow(
      'The application is shutting down',
    );
  });

  // Not public in Nest, hence pinned: see AmqpConsumersModule.
  it('stands last in the order of start and first in that of shutdown with its consumers', async () => {
    const app = await compile(AmqpModule.forRoot(NOWHERE));
    const modules = [...app.get(ModulesContainer, { strict: false }).values()];
    const distance = (type: unknown): number | undefined => modules.find(({ metatype }) => metatype === type)?.distance;
    const others = modules.filter(({ metatype }) => metatype !== AmqpConsumersModule);
    expect(distance(AmqpConsumersModule)).toBeLessThan(Math.min(...others.map((module) => module.distance)));
    expect(distance(AmqpRegistryModule)).toBe(Math.max(...modules.map((module) => module.distance)));
  });
});
