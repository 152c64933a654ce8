import { describe, expect, it } from '@jest/globals';
import { bindExchange, bindQueue } from './bindings.js';
import { directExchange, exchange, fanoutExchange, headersExchange, topicExchange } from './exchanges.js';
import { classicQueue, quorumQueue, streamQueue } from './queues.js';

describe('exchange builders', () => {
  it.each([
    ['topic', topicExchange],
    ['direct', directExchange],
    ['fanout', fanoutExchange],
    ['headers', headersExchange],
  ])('makes a durable %s exchange', (type, build) => {
    expect(build('events')).toEqual({
      name: 'events',
      type,
      durable: true,
      autoDelete: false,
      internal: false,
      arguments: {},
    });
  });

  it('takes options, under the names that RabbitMQ has for them', () => {
    expect(
      exchange('later', 'x-delayed-message', {
        durable: false,
        autoDelete: true,
        internal: true,
        alternateExchange: 'lost',
        arguments: { 'x-delayed-type': 'direct' },
      }),
    ).toEqual({
      name: 'later',
      type: 'x-delayed-message',
      durable: false,
      autoDelete: true,
      internal: true,
      arguments: { 'alternate-exchange': 'lost', 'x-delayed-type': 'direct' },
    });
  });
});

describe('queue builders', () => {
  it('makes a durable classic queue', () => {
    expect(classicQueue('jobs')).toEqual({
      name: 'jobs',
      durable: true,
      exclusive: false,
      autoDelete: false,
      arguments: { 'x-queue-type': 'classic' },
    });
  });

  it('makes an exclusive queue transient, unless told otherwise', () => {
    expect(classicQueue('mine', { exclusive: true })).toMatchObject({ exclusive: true, durable: false });
    expect(classicQueue('mine', { exclusive: true, durable: true })).toMatchObject({ durable: true });
  });

  it('takes every option of a classic queue under its RabbitMQ name', () => {
    const { arguments: table } = classicQueue('jobs', {
      deadLetterExchange: 'failed',
      deadLetterRoutingKey: 'jobs.failed',
      messageTtl: 1_000,
      expires: 2_000,
      maxLength: 3,
      maxLengthBytes: 4,
      overflow: 'reject-publish-dlx',
      singleActiveConsumer: true,
      maxPriority: 5,
    });
    expect(table).toEqual({
      'x-queue-type': 'classic',
      'x-dead-letter-exchange': 'failed',
      'x-dead-letter-routing-key': 'jobs.failed',
      'x-message-ttl': 1_000,
      'x-expires': 2_000,
      'x-max-length': 3,
      'x-max-length-bytes': 4,
      'x-overflow': 'reject-publish-dlx',
      'x-single-active-consumer': true,
      'x-max-priority': 5,
    });
  });

  it.each([-1, NaN, '5', 'soon', {}, 1e12])(
    'K3.1 refuses %p as a TTL or expiry, and names queue and option',
    (wrong) => {
      for (const option of ['messageTtl', 'expires']) {
        for (const build of [classicQueue, quorumQueue]) {
          expect(() => build('jobs', { [option]: wrong })).toThrow(
            `queue 'jobs': ${option} must be milliseconds from 0`,
          );
        }
      }
    },
  );

  it.each([
    [classicQueue, ['maxLength', 'maxLengthBytes', 'maxPriority']],
    [quorumQueue, ['maxLength', 'maxLengthBytes', 'deliveryLimit', 'initialGroupSize']],
    [streamQueue, ['maxLengthBytes', 'maxSegmentSize', 'initialGroupSize']],
  ])('K6 6.4 %p refuses counts that are none', (build, options) => {
    for (const option of options) {
      for (const wrong of [-2, 1.5, NaN, '5', {}]) {
        expect(() => build('jobs', { [option]: wrong })).toThrow(
          `queue 'jobs': ${option} must be a whole number from `,
        );
      }
    }
  });

  it('takes text for times, and leaves out what has no limit', () => {
    expect(quorumQueue('jobs', { messageTtl: '1.5s', expires: '30m', deliveryLimit: -1 }).arguments).toMatchObject({
      'x-message-ttl': 1_500,
      'x-expires': 1_800_000,
      'x-delivery-limit': -1,
    });
    const limitless = { messageTtl: Infinity, expires: Infinity, maxLength: Infinity, maxLengthBytes: Infinity };
    expect(classicQueue('jobs', limitless).arguments).toEqual({ 'x-queue-type': 'classic' });
  });

  it('makes a quorum queue with its own options', () => {
    const options = { deliveryLimit: 5, deadLetterStrategy: 'at-least-once', initialGroupSize: 3 } as const;
    expect(quorumQueue('billing', options)).toEqual({
      name: 'billing',
      durable: true,
      exclusive: false,
      autoDelete: false,
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': 5,
        'x-dead-letter-strategy': 'at-least-once',
        'x-quorum-initial-group-size': 3,
      },
    });
  });

  it('makes a stream with its own options', () => {
    const options = { maxAge: '7D', maxLengthBytes: 1e9, maxSegmentSize: 1e6, initialGroupSize: 3 };
    expect(streamQueue('audit', options)).toMatchObject({
      durable: true,
      arguments: {
        'x-queue-type': 'stream',
        'x-max-age': '7D',
        'x-max-length-bytes': 1e9,
        'x-stream-max-segment-size-bytes': 1e6,
        'x-initial-cluster-size': 3,
      },
    });
  });

  it('adds arguments, also one that repeats its option', () => {
    const table = { 'x-message-ttl': 9, 'x-queue-mode': 'lazy' };
    expect(classicQueue('jobs', { messageTtl: 9, arguments: table }).arguments).toEqual({
      'x-queue-type': 'classic',
      ...table,
    });
  });
});

describe('binding builders', () => {
  it('binds a queue to an exchange', () => {
    expect(bindQueue('billing', 'orders', 'order.*')).toEqual({
      destination: 'billing',
      destinationKind: 'queue',
      source: 'orders',
      routingKey: 'order.*',
      arguments: {},
    });
  });

  it('binds an exchange to an exchange, without a key and with arguments', () => {
    expect(bindExchange('archive', 'orders', undefined, { arguments: { 'x-match': 'any', eu: true } })).toEqual({
      destination: 'archive',
      destinationKind: 'exchange',
      source: 'orders',
      routingKey: '',
      arguments: { 'x-match': 'any', eu: true },
    });
  });
});
