import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../../lib/client/index.js';
import { checkConsumerOptions } from './check-consumer-options.js';
import type { KindOptions } from './consumer-metadata.js';

const check = (kind: KindOptions['kind'], options: unknown) => () =>
  checkConsumerOptions('Billing.onOrder', { kind, source: 'billing', options } as KindOptions);

class Doubling {
  transform(value: number): number {
    return value * 2;
  }
}

describe('checkConsumerOptions', () => {
  it.each<[KindOptions['kind'], unknown, string]>([
    ['message', null, 'expected an object with options, got null'],
    ['batch', undefined, 'expected an object with options, got undefined'],
    ['message', { prefech: 1 }, "unknown option 'prefech'; did you mean 'prefetch'?"],
    ['rpc', { ack: 'manual' }, "unknown option 'ack'"],
    ['message', { connection: 5 }, 'connection must be a string; it is the number 5'],
    ['message', { consumerTag: '' }, 'consumerTag must be a string that is not empty'],
    ['message', { exclusive: 'false' }, "exclusive must be true or false; it is a string, 'false'"],
    ['message', { priority: 1.5 }, 'priority must be a whole number; it is the number 1.5'],
    ['message', { arguments: [] }, 'arguments must be an object; it is an array'],
    ['message', { ack: 'man' }, "ack must be 'auto' or 'manual'"],
    ['message', { offset: 'begin' }, "offset must be 'first', 'last', 'next', a whole number from 0 or a Date"],
    ['message', { offset: -1 }, 'it is the number -1'],
    ['message', { offset: new Date(Number.NaN) }, 'offset must be'],
    ['message', { trackOffset: 'p' }, 'trackOffset: expected an object with options, got string'],
    ['message', { trackOffset: { nam: 'p' } }, "trackOffset: unknown option 'nam'; did you mean 'name'?"],
    ['message', { trackOffset: {} }, 'trackOffset: name must be a string that is not empty; it is null'],
    ['batch', { size: 1, itemPipes: new Doubling() }, 'itemPipes must be an array of instances of pipes'],
    ['batch', { size: 1, itemPipes: [Doubling] }, 'itemPipes must be an array of instances of pipes with the methods transform'],
    ['batch', { size: 1, itemPipes: [new Doubling(), {}] }, 'itemPipes must be an array'],
  ])('refuses of a %s consumer %j', (kind, options, message) => {
    expect(check(kind, options)).toThrow(ConfigurationError);
    expect(check(kind, options)).toThrow('Billing.onOrder');
    expect(check(kind, options)).toThrow(message);
  }); // prettier-ignore

  it.each<[KindOptions['kind'], object]>([
    ['message', { offset: 0, trackOffset: { name: 'p', interval: '1s', store: Symbol('store') }, ack: undefined }],
    ['message', { offset: new Date(), exclusive: false, priority: -1 }],
    ['batch', { size: 1, itemPipes: [new Doubling()] }],
    ['rpc', {}],
  ])('takes of a %s consumer %j', (kind, options) => {
    expect(check(kind, options)).not.toThrow();
  });
});
