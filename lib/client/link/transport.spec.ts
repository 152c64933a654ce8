import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../environment/index.js';
import { Transport, type TransportHandler } from './transport.js';

const HANDLER: TransportHandler = {
  onMethod: () => {},
  onHeader: () => {},
  onBody: () => {},
  onHeartbeat: () => {},
  onMalformed: () => {},
  onChunkDone: () => {},
  onRoom: () => {},
  onEnd: () => {},
  heldBytes: () => 0,
  awaitsBroker: () => false,
};

describe('Transport', () => {
  it('frees a body under way when it gives up a peer that takes nothing, also with a goodbye behind the body', async () => {
    const timers: (() => void)[] = [];
    const clock: Clock = {
      now: () => 0,
      wallTime: () => 0,
      after: (_, run) => (timers.push(run), () => {}),
      afterPendingEvents: (run) => void setImmediate(run),
    };
    const socket = new Duplex({ read: () => {}, write: () => {}, destroy: (_, done) => done(null) });
    const transport = new Transport(socket as never, 'amqp://peer', clock, HANDLER, Infinity);
    // Large enough to be written within the append.
    const message = { exchange: '', routingKey: 'q', mandatory: false, properties: {}, body: Buffer.alloc(100_000) };
    transport.writer.publish(1, message);
    let free = false;
    void transport.whenWritten().then(() => (free = true));
    transport.sendHeartbeat();
    transport.finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(free).toBe(false);
    for (const run of timers) run();
    await new Promise((resolve) => setImmediate(resolve));
    expect([free, socket.destroyed]).toEqual([true, true]);
  });
});
