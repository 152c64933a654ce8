import 'reflect-metadata';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../lib/client/index.js';
import { getConnectionToken } from '../connection/amqp.tokens.js';
import { ConfirmingPublisher } from '../publishers/confirming.publisher.js';
import type { PublishOptions } from '../publishers/publish-options.js';
import { getPublisherToken } from '../publishers/publisher.tokens.js';
import type { AmqpModuleOptions } from '../registry/amqp-module.options.js';
import type { NamedConnection } from '../registry/named-connection.js';
import { AmqpModule } from './amqp.module.js';

/** Nobody listens on port 1. */
const url = 'amqp://guest:guest@127.0.0.1:1';

const NO_COUNTS = [-1, 1.5, NaN, '5', {}, true];
const NO_DURATIONS = [-1, NaN, -Infinity, '5', '5 s', 'soon', {}, true];

type Given = Record<string, unknown>;

const OF_PUBLISHERS: [string, readonly unknown[]][] = [
  ['timeout', [...NO_DURATIONS, 0, '0s', '0.5ms']],
  ['maxInFlight', [...NO_COUNTS, 0]],
  ['maxInFlightBytes', [...NO_COUNTS, 0]],
  ['maxWaiting', NO_COUNTS],
  ['maxWaitingBytes', NO_COUNTS],
];

describe('K3.1 K6 6.4 numbers and durations of the module', () => {
  let app: TestingModule | undefined;

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  async function compile(options: Given, publisher?: Given): Promise<TestingModule> {
    const imports = [AmqpModule.forRoot({ url, ...options } as unknown as AmqpModuleOptions)];
    if (publisher) imports.push(AmqpModule.forFeature([{ publisher: 'orders', exchange: 'orders', ...publisher }]));
    return (app = await Test.createTestingModule({ imports }).compile());
  }

  async function expectRefused(what: string, options: Given, publisher?: Given): Promise<void> {
    const compiling = compile(options, publisher);
    await expect(compiling).rejects.toThrow(ConfigurationError);
    await expect(compiling).rejects.toThrow(`${what} must be `);
  }

  it.each([
    ['prefetch', [...NO_COUNTS, 65_536]],
    ['gracePeriod', NO_DURATIONS],
    ['startupTimeout', NO_DURATIONS],
  ])('forRoot() refuses a wrong %s as it is made, and names it', async (name, wrongs) => {
    for (const wrong of wrongs) await expectRefused(`AmqpModule.forRoot(): ${name}`, { [name]: wrong });
  });

  it.each(OF_PUBLISHERS)('forRoot() refuses a wrong publishing.%s, forFeature() its own', async (name, wrongs) => {
    for (const wrong of wrongs) {
      await expectRefused(`AmqpModule.forRoot(): publishing: ${name}`, { publishing: { [name]: wrong } });
      await expectRefused(`AmqpModule.forFeature([{ publisher: 'orders' }]): ${name}`, {}, { [name]: wrong });
    }
  });

  it('takes text for durations, and Infinity for no limit', async () => {
    const publishing = { timeout: '2m', maxInFlight: Infinity, maxWaiting: Infinity } as const;
    await compile(
      { prefetch: Infinity, gracePeriod: '1.5s', startupTimeout: Infinity, publishing },
      { timeout: Infinity, maxInFlightBytes: Infinity, maxWaitingBytes: Infinity },
    );
    const named = app!.get<NamedConnection>(getConnectionToken(), { strict: false });
    expect(named).toMatchObject({
      prefetch: Infinity,
      gracePeriod: 1_500,
      publishing: { ...publishing, timeout: 120_000 },
    });
    expect(app!.get(getPublisherToken('orders'), { strict: false })).toBeDefined();
  });

  it('fails to start after a startupTimeout that is text', async () => {
    await compile({ startupTimeout: '0.05s' });
    await expect(app!.init()).rejects.toMatchObject({ startupTimeout: 50 });
    // It has closed what it had opened; Nest 11 rejects close() with the error of the start.
    app = undefined;
  });

  it.each([...NO_DURATIONS, 0, '0s', null])(
    'a publish and a request with the timeout %p are refused, and nothing is sent',
    async (timeout) => {
      await compile({ startup: 'background' });
      const publisher = app!.get(ConfirmingPublisher, { strict: false });
      const options = { timeout } as unknown as PublishOptions;
      await expect(publisher.publish('e', 'k', 1, options)).rejects.toThrow(
        /^publish: timeout must be at least 1 ms, or Infinity/,
      );
      await expect(publisher.sendToQueue('q', 1, options)).rejects.toThrow(ConfigurationError);
      await expect(publisher.request('e', 'k', 1, options)).rejects.toThrow(ConfigurationError);
    },
  );
});
