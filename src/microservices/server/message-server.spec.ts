import { describe, expect, it, jest } from '@jest/globals';
import type { MessageHandler } from '@nestjs/microservices';
import { MessageServer } from './message-server.js';

/** The way of a message, without a broker. */
class TestServer extends MessageServer {
  constructor(wildcards = true) {
    super({ wildcards } as never);
  }

  listen(): void {}
  close(): void {}
  on(): void {}
  unwrap<T>(): T {
    return undefined as T;
  }

  get remembered(): number {
    return (this as unknown as { known: Map<string, MessageHandler> }).known.size;
  }
}

const handler = (): MessageHandler => jest.fn() as unknown as MessageHandler;

describe('the handlers of a MessageServer', () => {
  it('are found by the pattern itself, else by the first with wildcards that fits', () => {
    const server = new TestServer();
    const [exact, first, second] = [handler(), handler(), handler()];
    server.addHandler('orders.*', first);
    server.addHandler('orders.#', second);
    server.addHandler('orders.created', exact);
    const found = ['orders.created', 'orders.paid', 'orders.paid.twice', 'bills'].map((pattern) => server.getHandlerByPattern(pattern)); // prettier-ignore
    expect(found).toEqual([exact, first, second, null]);
    expect(new TestServer(false).getHandlerByPattern('orders.paid')).toBeNull();
  });

  it('are remembered for a thousand patterns at most, whatever clients send, and are found all the same', () => {
    const server = new TestServer();
    const any = handler();
    server.addHandler('#', any);
    for (let count = 1; count <= 5_000; count++) {
      expect(server.getHandlerByPattern(`pattern.${count}`)).toBe(any);
      expect(server.remembered).toBeLessThanOrEqual(1_000);
    }
    expect(server.getHandlerByPattern('pattern.1')).toBe(any);
    expect(server.remembered).toBeGreaterThan(0);
  });

  it('are not remembered where there is none, nor for a pattern longer than a routing key', () => {
    const server = new TestServer();
    expect(server.getHandlerByPattern('none')).toBeNull();
    expect(server.remembered).toBe(0);
    const any = handler();
    server.addHandler('#', any);
    expect(server.getHandlerByPattern('x'.repeat(255))).toBe(any);
    expect(server.getHandlerByPattern('x'.repeat(256))).toBeNull();
    expect(server.remembered).toBe(1);
  });

  it('are looked for anew when another is added', () => {
    const server = new TestServer();
    const [one, two] = [handler(), handler()];
    server.addHandler('#', one);
    expect(server.getHandlerByPattern('orders')).toBe(one);
    server.addHandler('orders', two);
    expect(server.getHandlerByPattern('orders')).toBe(two);
  });
});
