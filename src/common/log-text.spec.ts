import { describe, expect, it } from '@jest/globals';
import { WireError, type Delivery } from '../../lib/client/index.js';
import { describeError, describeMessage } from './log-text.js';

const delivery = (messageId: string | undefined): Delivery =>
  ({ deliveryTag: 7, routingKey: 'order.created', properties: { messageId } }) as Delivery;

describe('describeError', () => {
  it('gives name and message', () => {
    expect(describeError(new RangeError('too far'))).toBe('RangeError: too far');
  });

  it('keeps to one line of bounded length', () => {
    expect(describeError(new Error('first\nsecond\r\n\u001b[31mthird'))).toBe('Error: first second [31mthird');
    expect(describeError(new Error('x'.repeat(10_000))).length).toBeLessThan(1_010);
  });
});

describe('describeMessage', () => {
  it('goes by the message id', () => {
    expect(describeMessage(delivery('m-1'))).toBe("message 'm-1'");
  });

  it('lets nobody forge a line of the log', () => {
    expect(describeMessage(delivery('m-1\n[Nest] all is well'))).toBe("message 'm-1 [Nest] all is well'");
  });

  it('goes by the delivery where there is no id', () => {
    expect(describeMessage(delivery(undefined))).toBe("message without id (delivery 7, routing key 'order.created')");
  });

  it('goes by the delivery where the properties are malformed', () => {
    const malformed = {
      ...delivery(undefined),
      get properties(): never {
        throw new WireError('SYNTAX_ERROR', 'no such thing');
      },
    } as unknown as Delivery;
    expect(describeMessage(malformed)).toMatch(/^message without id/);
  });
});
