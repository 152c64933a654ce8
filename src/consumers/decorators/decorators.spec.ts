import 'reflect-metadata';
import { createParamDecorator, DefaultValuePipe, ParseIntPipe } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer } from './amqp-consumer.decorator.js';
import { ConsumerMetadataAccessor } from '../discovery/consumer-metadata.accessor.js';
import { AmqpHeader, AmqpProperty, Ctx, Payload } from './param.decorators.js';
import { ConfigurationError } from '../../../lib/client/index.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import { OnReturn } from './listener.decorators.js';
import { readRouteArguments } from './route-arguments.js';

const accessor = new ConsumerMetadataAccessor(new Reflector());
const Custom = createParamDecorator(() => 'custom');

describe('@AmqpConsumer()', () => {
  class Consumers {
    @AmqpConsumer('billing', { prefetch: 3 })
    one(): void {}

    @AmqpConsumer('first')
    @AmqpConsumer('second', { concurrency: 1 })
    two(): void {}

    none(): void {}
  }

  it('is read by the accessor', () => {
    expect(accessor.getConsumers(Consumers.prototype.one)).toEqual([
      { kind: 'message', source: 'billing', options: { prefetch: 3 } },
    ]);
  });

  it('may be repeated, and keeps the order it is written in', () => {
    expect(accessor.getConsumers(Consumers.prototype.two)).toEqual([
      { kind: 'message', source: 'first', options: {} },
      { kind: 'message', source: 'second', options: { concurrency: 1 } },
    ]);
  });

  it.each([Consumers.prototype.none, undefined, null, 'billing', 7, {}])('is not found on %p', (target) => {
    expect(accessor.getConsumers(target)).toEqual([]);
  });

  it('gives a method without parameter decorators the payload and the context', () => {
    expect(readRouteArguments(Consumers.prototype, 'one')).toEqual({
      '3:0': { index: 0, data: undefined, pipes: [] },
      '6:1': { index: 1, data: undefined, pipes: [] },
    });
  });

  it("leaves parameter decorators alone, Nest's own too", () => {
    class Decorated {
      @AmqpConsumer('a')
      own(@Ctx() _context: unknown): void {}

      @AmqpConsumer('b')
      custom(@Custom() _value: unknown): void {}
    }
    expect(Object.keys(readRouteArguments(Decorated.prototype, 'own') ?? {})).toEqual(['6:0']);
    expect(Object.keys(readRouteArguments(Decorated.prototype, 'custom') ?? {})).toEqual([
      expect.stringMatching(/__customRouteArgs__:0$/),
    ]);
  });
});

describe('@Payload() and @Ctx()', () => {
  const pipe = new DefaultValuePipe(1);

  class Base {
    all(@Payload() _payload: unknown, @Ctx() _context: unknown): void {}
    property(@Payload('id') _id: unknown): void {}
    piped(@Payload(ParseIntPipe, pipe) _payload: unknown, @Payload('id', pipe) _id: unknown): void {}
    overridden(@Payload() _payload: unknown, @Payload('id') _id: unknown): void {}
  }

  it.each([
    ['all', { '3:0': { index: 0, data: undefined, pipes: [] }, '6:1': { index: 1, data: undefined, pipes: [] } }],
    ['property', { '3:0': { index: 0, data: 'id', pipes: [] } }],
    [
      'piped',
      {
        '3:0': { index: 0, data: undefined, pipes: [ParseIntPipe, pipe] },
        '3:1': { index: 1, data: 'id', pipes: [pipe] },
      },
    ],
  ])('are kept as Nest keeps them: %s', (method, expected) => {
    expect(readRouteArguments(Base.prototype, method)).toEqual(expected);
  });

  it('take the place of what a base class says about the same parameter', () => {
    class Derived extends Base {
      override overridden(@Ctx() _context: unknown): void {}
    }
    expect(Object.keys(readRouteArguments(Derived.prototype, 'overridden') ?? {})).toEqual(['3:1', '6:0']);
    expect(Object.keys(readRouteArguments(Base.prototype, 'overridden') ?? {}).sort()).toEqual(['3:0', '3:1']);
  });
});

describe('what cannot work is refused where it is written', () => {
  /** The decorators as untyped code sees them. */
  type Loose = (...given: unknown[]) => (...target: unknown[]) => void;
  const consumer = AmqpConsumer as unknown as Loose;
  class Orders {
    static all(): void {}
    named(): void {}
    get current(): number {
      return 1;
    }
  }
  const descriptorOf = (method: string | symbol) => Object.getOwnPropertyDescriptor(Orders.prototype, method);

  it.each<[string, unknown[], string]>([
    ['a static method', [Orders, 'all', Object.getOwnPropertyDescriptor(Orders, 'all')], "Orders.all is static, but Nest calls handlers on instances: remove 'static'"],
    ['a class', [Orders], 'Orders: the decorator is on a class or a parameter'],
    ['a property', [Orders.prototype, 'total', undefined], 'Orders.total is no method'],
    ['an accessor', [Orders.prototype, 'current', descriptorOf('current')], 'Orders.current is no method'],
    ['a method that a symbol names, which would get no messages', [Orders.prototype, Symbol('on'), descriptorOf('named')], 'Orders.Symbol(on) is named by a symbol'],
  ])('%s as a consumer', (_, target, message) => {
    for (const decorate of [consumer('billing'), (OnReturn as unknown as Loose)()]) {
      expect(() => decorate(...target)).toThrow(InvalidConsumerError);
      expect(() => decorate(...target)).toThrow(message);
    }
  }); // prettier-ignore

  it.each<[string, () => unknown, string]>([
    ['@Payload()', () => Payload({ schem: {} } as never), "@Payload(): unknown option 'schem'; did you mean 'schema'?"],
    ['@AmqpHeader()', () => AmqpHeader(undefined as never), 'the name of the header must be a string that is not empty'],
    ['@AmqpProperty()', () => AmqpProperty('corelationId' as never), "@AmqpProperty(): unknown option 'corelationId'; did you mean 'correlationId'?"],
  ])('a wrong name in %s', (_, decorate, message) => {
    expect(decorate).toThrow(ConfigurationError);
    expect(decorate).toThrow(message);
  }); // prettier-ignore
});
