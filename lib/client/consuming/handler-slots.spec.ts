import { describe, expect, it } from '@jest/globals';
import { HANDLER_SLOTS, HandlerSlots, slotsOf } from './handler-slots.js';

/** A consumer with waiting deliveries, which starts a handler for each slot that it finds free. */
function userOf(slots: HandlerSlots, waiting: number) {
  const user = {
    ended: false,
    waiting,
    started: 0,
    takeWaiting() {
      while (this.waiting > 0 && !slots.full) {
        slots.take();
        this.waiting--;
        this.started++;
      }
    },
    endHandler() {
      slots.free();
      slots.pass(this);
    },
  };
  slots.join(user);
  return user;
}

describe('HandlerSlots', () => {
  it('are full at their limit', () => {
    const slots = new HandlerSlots(2);
    slots.take();
    expect(slots.full).toBe(false);
    slots.take();
    expect(slots.full).toBe(true);
    slots.free();
    expect(slots.full).toBe(false);
  });

  it('have no limit by default', () => {
    const slots = new HandlerSlots();
    for (let count = 0; count < 1_000; count++) slots.take();
    expect(slots.full).toBe(false);
  });

  it('pass from an ended consumer, whose handler runs, to the next one when the handler ends', () => {
    const slots = new HandlerSlots(1);
    const first = userOf(slots, 1);
    first.takeWaiting();
    first.ended = true;
    const second = userOf(slots, 2);
    second.takeWaiting();
    expect(second.started).toBe(0);
    first.endHandler();
    expect(second.started).toBe(1);
    second.endHandler();
    expect(second.started).toBe(1);
  });

  it('forget an ended consumer without waiting deliveries, and keep one that still has some', () => {
    const slots = new HandlerSlots(1);
    const [idle, waiting] = [userOf(slots, 0), userOf(slots, 1)];
    slots.take();
    idle.ended = waiting.ended = true;
    const next = userOf(slots, 0);
    idle.waiting = 1;
    next.endHandler();
    expect([idle.started, waiting.started]).toEqual([0, 1]);
  });

  it('are taken at once by what waits when the limit rises', () => {
    const slots = new HandlerSlots(1);
    const user = userOf(slots, 3);
    user.takeWaiting();
    expect(user.started).toBe(1);
    slots.limit = 3;
    expect(user.started).toBe(3);
  });

  it('belong to one consumer, unless its options share them', () => {
    const shared = new HandlerSlots();
    expect(slotsOf({ [HANDLER_SLOTS]: shared })).toBe(shared);
    const own = slotsOf({ concurrency: 1 });
    own.take();
    expect(own.full).toBe(true);
  });
});
