import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../lib/client/index.js';
import { ConsumerWindow } from './consumer-window.js';

/** Consumers of a quorum queue beyond which RabbitMQ before 3.13 may lose the messages of a channel. */
const SAFE = 32;

/** A consumer that records the prefetch of each registration. */
class Owner {
  readonly messages: Delivery[] = [];
  readonly registered: number[] = [];
  consuming = true;
  readonly window: ConsumerWindow;

  constructor(public prefetch: number) {
    this.window = new ConsumerWindow(this);
  }

  held(): readonly Delivery[] {
    return this.messages;
  }

  isConsuming(): boolean {
    return this.consuming;
  }

  async registerAnew(): Promise<void> {
    this.registered.push(this.window.prefetch);
  }

  async hold(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.messages.push({ stale: false } as Delivery);
      await this.window.onHeldChange();
    }
  }

  async release(): Promise<void> {
    this.messages.length = 0;
    await this.window.onHeldChange();
  }
}

describe('ConsumerWindow', () => {
  it.each([1, 10, 200, 5_000])('with prefetch %i, 1,000 held messages need few registrations', async (prefetch) => {
    const owner = new Owner(prefetch);
    await owner.hold(1_001);
    expect(owner.registered.length).toBeLessThan(SAFE / 4);
    expect(owner.registered.every((size) => size >= prefetch && size <= Math.max(prefetch, 1_000))).toBe(true);
  });

  it('half of the places are free after each registration', async () => {
    const owner = new Owner(10);
    await owner.hold(4);
    expect(owner.registered).toEqual([]);
    await owner.hold(1);
    expect(owner.registered).toEqual([40]);
    await owner.hold(19);
    expect(owner.registered).toEqual([40]);
    await owner.hold(1);
    expect(owner.registered).toEqual([40, 160]);
  });

  it('above 1,000 held messages the consumer gets no more places', async () => {
    const owner = new Owner(10);
    await owner.hold(1_001);
    const before = owner.registered.length;
    await owner.hold(2_000);
    expect(owner.registered).toHaveLength(before);
  });

  it('the consumer has its own prefetch again when no message is held', async () => {
    const owner = new Owner(10);
    await owner.hold(5);
    await owner.release();
    expect(owner.registered).toEqual([40, 10]);
    await owner.release();
    expect(owner.registered).toEqual([40, 10]);
  });

  it('a smaller prefetch of its own holds at once while messages are held', async () => {
    const owner = new Owner(10);
    await owner.hold(1);
    owner.prefetch = 2;
    expect(owner.window.prefetch).toBe(2);
    // The held message takes half of the two places.
    await owner.window.onHeldChange();
    await owner.release();
    expect(owner.registered).toEqual([8, 2]);
  });

  it('held messages of a lost channel occupy no place', async () => {
    const owner = new Owner(10);
    await owner.hold(5);
    owner.consuming = false;
    for (const message of owner.messages) Object.assign(message, { stale: true });
    await owner.window.onHeldChange();
    owner.consuming = true;
    // The client restores the consumer with the larger window.
    await owner.window.onHeldChange();
    expect(owner.registered).toEqual([40, 10]);
  });

  it('a consumer that is registered by others gets its own prefetch when no message is held', async () => {
    const owner = new Owner(10);
    await owner.hold(5);
    owner.consuming = false;
    await owner.release();
    expect(owner.window.prefetch).toBe(10);
    owner.consuming = true;
    await owner.window.onHeldChange();
    expect(owner.registered).toEqual([40]);
  });

  it.each([
    [10, 50],
    [50, 10],
    [10, 0],
    [0, 10],
  ])('a prefetch that changes from %i to %i during an outage holds after it', async (before, after) => {
    const owner = new Owner(before);
    owner.consuming = false;
    owner.prefetch = after;
    await owner.window.onHeldChange();
    owner.consuming = true;
    // The client restores the consumer with the prefetch that it had.
    await owner.window.onHeldChange();
    expect(owner.registered).toEqual([after]);
  });

  it.each([0, Infinity])('without a limit (%d) the consumer is never registered anew', async (prefetch) => {
    const owner = new Owner(prefetch);
    await owner.hold(50);
    expect(owner.registered).toEqual([]);
  });

  it('one registration at a time', async () => {
    const owner = new Owner(2);
    let agree = (): void => {};
    owner.registerAnew = () => {
      owner.registered.push(owner.window.prefetch);
      return new Promise((resolve) => (agree = resolve));
    };
    const holding = Promise.all([owner.hold(1), owner.hold(8)]);
    expect(owner.registered).toEqual([8]);
    while (owner.messages.length < 9) await Promise.resolve();
    agree();
    while (owner.registered.length < 2) await Promise.resolve();
    expect(owner.registered).toEqual([8, 32]);
    agree();
    await holding;
  });
});
