import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { ByteWriter } from '../../protocol/bytes.js';
import { writeProperties } from '../../protocol/properties.js';
import type { MessageProperties } from '../../protocol/types.js';
import { Confirms } from './confirms.js';
import type { Publish } from './publish.js';
import { findReturned } from './returns.js';

const publish = (name: string, given: Partial<Publish> = {}): Publish & { readonly name: string } => ({
  name,
  exchange: 'x',
  routingKey: 'k',
  mandatory: true,
  properties: {},
  body: Buffer.from('body'),
  deadline: Infinity,
  resolve: () => {},
  reject: () => {},
  outcome: undefined,
  settled: false,
  earlier: undefined,
  ...given,
});

function encoded(properties: MessageProperties): Buffer {
  const writer = new ByteWriter();
  writeProperties(writer, properties);
  return Buffer.from(writer.view());
}

describe('findReturned', () => {
  /** The names of what is found, one return after the other. */
  const found = (
    publishes: Publish[],
    properties: MessageProperties,
    times = 1,
    body = Buffer.from('body'),
  ): unknown[] => {
    const confirms = new Confirms();
    for (const each of publishes) confirms.add(each);
    const returned = { replyCode: 312, replyText: 'NO_ROUTE', exchange: 'x', routingKey: 'k', properties, body, bodySize: body.length }; // prettier-ignore
    return Array.from({ length: times }, () => {
      const each = findReturned(confirms, returned, encoded(properties));
      if (each) each.settled = true;
      return (each as { name?: string } | undefined)?.name;
    });
  };

  it('leaves out what is not mandatory, has its outcome, or went elsewhere, though it is equal', () => {
    const publishes = [
      publish('not mandatory', { mandatory: false }),
      publish('settled', { settled: true }),
      publish('other exchange', { exchange: 'y' }),
      publish('other key', { routingKey: 'l' }),
      publish('it'),
    ];
    expect(found(publishes, {}, 2)).toEqual(['it', undefined]);
  });

  it('goes by the message id alone, where there is one', () => {
    const publishes = [
      publish('without'),
      publish('one', { properties: { messageId: '1' } }),
      publish('two', { properties: { messageId: '2' }, body: Buffer.from('another') }),
    ];
    expect(found(publishes, { messageId: '2' }, 2)).toEqual(['two', undefined]);
    expect(found(publishes.map((each) => ({ ...each, settled: false })), {})).toEqual(['without']); // prettier-ignore
  });

  it('goes by the content without one: body, then properties, the oldest first', () => {
    const publishes = [
      publish('other body', { body: Buffer.from('BODY') }),
      publish('other properties', { properties: { type: 'a' } }),
      publish('first', { properties: { type: 'b' } }),
      publish('second', { properties: { type: 'b' } }),
    ];
    expect(found(publishes, { type: 'b' }, 2)).toEqual(['first', 'second']);
    // What a plugin has changed on the way still has its body.
    expect(found(publishes.map((each) => ({ ...each, settled: false })), { type: 'c' })).toEqual(['other properties']); // prettier-ignore
  });

  it('knows a queue by the name under which it was written', () => {
    expect(found([publish('renamed', { routingKey: 'amq.gen-old', writtenKey: 'k' })], {})).toEqual(['renamed']);
    expect(found([publish('other', { writtenKey: 'l' })], {})).toEqual([undefined]);
  });
});
