import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../../lib/client/index.js';
import { StreamPosition } from './stream-position.js';

class FakeDelivery {
  settled = false;
  readonly properties: { readonly headers: { readonly 'x-stream-offset': number | bigint } };

  constructor(offset: number | bigint) {
    this.properties = { headers: { 'x-stream-offset': offset } };
  }
}

function positionAt(settled?: number) {
  const position = new StreamPosition('first', settled);
  const deliveries = new Map<number, FakeDelivery>();
  return {
    position,
    begin(...offsets: number[]): void {
      for (const offset of offsets) {
        const delivery = deliveries.get(offset) ?? new FakeDelivery(offset);
        deliveries.set(offset, delivery);
        position.begin(delivery as unknown as Delivery);
      }
    },
    end(offset: number, settled = true): void {
      const delivery = deliveries.get(offset)!;
      delivery.settled = settled;
      position.end(delivery as unknown as Delivery);
    },
  };
}

describe('StreamPosition', () => {
  it('begins where it is told as long as nothing is settled', () => {
    const date = new Date();
    expect(new StreamPosition(date).arguments()).toEqual({ 'x-stream-offset': date });
    expect(new StreamPosition(0).arguments()).toEqual({ 'x-stream-offset': 0 });
    expect(new StreamPosition(undefined).arguments()).toEqual({ 'x-stream-offset': 'next' });
  });

  it('goes on behind the last that is settled', () => {
    const { position, begin, end } = positionAt();
    begin(5, 6);
    end(5);
    end(6);
    expect([position.committed, position.arguments()]).toEqual([6, { 'x-stream-offset': 7 }]);
  });

  it('waits for the oldest when later ones are settled before it', () => {
    const { position, begin, end } = positionAt();
    begin(5, 6, 7);
    end(7);
    expect(position.committed).toBe(4);
    end(5);
    expect(position.committed).toBe(5);
    end(6);
    expect(position.committed).toBe(7);
  });

  it('does not count what was handled and is not settled: it comes again, here', () => {
    const { position, begin, end } = positionAt();
    begin(5, 6);
    end(5, false);
    end(6);
    expect(position.committed).toBe(4);
    begin(5);
    end(5);
    expect(position.committed).toBe(6);
  });

  it('forgets what was pending when the channel is lost, and never goes back', () => {
    const { position, begin, end } = positionAt(9);
    begin(10, 11);
    end(10);
    position.abandon();
    expect(position.arguments()).toEqual({ 'x-stream-offset': 11 });
    // Its handler ends late; it has been delivered anew meanwhile, or will be.
    end(11);
    expect(position.committed).toBe(10);
    begin(11);
    end(11);
    expect(position.committed).toBe(11);
  });

  it('does not count what was delivered before a loss and has not come again yet', () => {
    const { position, begin, end } = positionAt(9);
    begin(10, 11, 12);
    position.abandon();
    begin(10);
    end(10);
    expect(position.arguments()).toEqual({ 'x-stream-offset': 11 });
  });

  it('goes on with the first delivery when the channel is lost before anything is settled', () => {
    const position = new StreamPosition('next');
    for (const offset of [5, 6]) position.begin(new FakeDelivery(offset) as unknown as Delivery);
    expect(position.arguments()).toEqual({ 'x-stream-offset': 5 });
    position.abandon();
    expect(position.arguments()).toEqual({ 'x-stream-offset': 5 });
    expect(position.committed).toBeUndefined();
  });

  it('ignores what comes from no stream', () => {
    const { position } = positionAt();
    const delivery = { settled: true, properties: {} } as Delivery;
    position.begin(delivery);
    position.end(delivery);
    expect(position.committed).toBeUndefined();
  });
});
