import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../lib/environment/index.js';
import { BrokerAddresses } from '../connection/broker-addresses.js';
import { isDoneWithin } from './waiting.js';

describe('isDoneWithin', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('is true for what is done in time, and false for what is not', async () => {
    expect(await isDoneWithin(systemClock, 100, Promise.resolve())).toBe(true);
    const late = isDoneWithin(systemClock, 100, new Promise(() => {}));
    jest.advanceTimersByTime(100);
    expect(await late).toBe(false);
  });

  it('fails with the work', async () => {
    await expect(isDoneWithin(systemClock, 100, Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  });
});

describe('BrokerAddresses', () => {
  it.each([
    ['amqp://user:s3cret@10.0.0.7', ['10.0.0.7:5672']],
    [
      ['amqps://u:s3cret@one', 'amqp://two:1234/billing'],
      ['one:5671', 'two:1234/billing'],
    ],
    ['amqp://[::1]:5673/a%2Fb', ['[::1]:5673/a/b']],
    [() => Promise.resolve(['amqp://u:s3cret@found']), ['found:5672']],
  ])('remembers what was tried, without credentials', async (urls, tried) => {
    const addresses = new BrokerAddresses(urls);
    expect(addresses.tried).toEqual([]);
    await addresses.find();
    expect(addresses.tried).toEqual(tried);
  });

  it('leaves what is no URL at all to the client', async () => {
    const addresses = new BrokerAddresses(() => undefined as never);
    expect(await addresses.find()).toBeUndefined();
    expect(addresses.tried).toEqual([]);
  });
});
