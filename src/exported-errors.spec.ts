import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import * as broker from 'nest-amqp/broker';
import * as client from 'nest-amqp/client';
import * as microservices from 'nest-amqp/microservices';
import * as main from 'nest-amqp';
import * as testing from 'nest-amqp/testing';

const errors = [main, microservices, client, broker, testing]
  .flatMap((entry) => Object.entries(entry))
  .flatMap(([name, value]) =>
    typeof value === 'function' && value.prototype instanceof Error
      ? [{ name, prototype: value.prototype as Error }]
      : [],
  );

it('finds the error classes of the entry points', () => {
  expect(errors.map(({ name }) => name)).toEqual(expect.arrayContaining(['AmqpError', 'RejectMessage']));
});

// The name of a class does not survive a minifier; a literal does.
it.each(errors)('$name has its name as a literal on its prototype', ({ name, prototype }) => {
  expect(Object.getOwnPropertyDescriptor(prototype, 'name')?.value).toBe(name);
});

it('puts the name into the stack', () => {
  expect(new client.NotFoundError('no queue').stack).toMatch(/^NotFoundError: no queue\n/);
});

it.each([
  'AccessRefusedError',
  'AlreadySettledError',
  'AmqpError',
  'ChannelClosedError',
  'ChannelError',
  'ConfigurationError',
  'ConnectionClosedError',
  'ConnectionError',
  'ConnectionLostError',
  'EncodingError',
  'MessageReturnedError',
  'NotFoundError',
  'PreconditionFailedError',
  'PublishNackedError',
  'PublishRefusedError',
  'PublishTimeoutError',
  'TimeoutError',
] as const)('the main entry exports %s of the core, which its methods throw', (name) => {
  expect({ ...main }[name]).toBe({ ...client }[name]);
});
