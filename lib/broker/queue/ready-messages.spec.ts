import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Message, type QueueEntry } from './message.js';
import { ReadyMessages } from './ready-messages.js';

function entry(position: number, priority: number, size: number): QueueEntry {
  const message = new Message('', ['k'], Buffer.alloc(2), Buffer.alloc(size));
  return { message, position, priority, expiresAt: Infinity, redelivered: false, deliveryCount: 0 };
}

describe('ReadyMessages', () => {
  it('hands out by priority, then by position, whatever was taken and put back between', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), priority: fc.nat(3), size: fc.nat(9) }),
      fc.record({ kind: fc.constantFrom('shift' as const, 'putBack' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ready = new ReadyMessages(3);
        const model: QueueEntry[] = [];
        const taken: QueueEntry[] = [];
        let position = 0;
        for (const one of steps) {
          if (one.kind === 'push') {
            const added = entry(position++, one.priority, one.size);
            ready.push(added);
            model.push(added);
          } else if (one.kind === 'putBack') {
            const back = taken.pop();
            if (back) {
              ready.putBack(back);
              model.push(back);
            }
          } else {
            model.sort((left, right) => right.priority - left.priority || left.position - right.position);
            const expected = model.shift();
            const shifted = ready.shift();
            expect(shifted).toBe(expected);
            if (shifted) taken.push(shifted);
          }
          expect(ready.length).toBe(model.length);
          expect(ready.bytes).toBe(model.reduce((sum, { message }) => sum + message.body.length, 0));
        }
      }),
    );
  });
});
