import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, type Delivery } from '../../lib/client/index.js';
import { AmqpContext } from './amqp-context.js';

describe('AmqpContext.nack()', () => {
  it.each<[object, string]>([
    [{ requeu: false }, "nack: unknown option 'requeu'; did you mean 'requeue'? Known are: requeue"],
    [{ multiple: true }, "nack: unknown option 'multiple'"],
    [{ requeue: 'false' }, "nack: requeue must be true or false; it is a string, 'false'"],
    [false as never, 'nack: expected an object with options, got boolean'],
  ])('refuses %j, which would return the message at once, and does not settle it', (options, text) => {
    const nack = (): never => {
      throw new Error('settled');
    };
    const context = new AmqpContext({ settled: false, nack } as unknown as Delivery, 'billing', undefined);
    expect(() => context.nack(options)).toThrow(ConfigurationError);
    expect(() => context.nack(options)).toThrow(text);
  });
});
