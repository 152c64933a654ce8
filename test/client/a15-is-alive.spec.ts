import { describe, expect, it } from '@jest/globals';
import { ConnectionLostError } from '../../lib/client/index.js';
import { eventOf, TrackedClock, useClientHarness } from './support/client-harness.js';

/** A clock that a test can move forward. */
class TurnedClock extends TrackedClock {
  ahead = 0;

  override now(): number {
    return super.now() + this.ahead;
  }
}

describe('A15 isAlive, state and closed', () => {
  const harness = useClientHarness();

  it('A15 alive only while bytes have arrived within two heartbeat intervals', async () => {
    const clock = new TurnedClock();
    const heartbeat = { interval: 60, mode: 'manual' } as const;
    const connection = await harness.connect({ clock, heartbeat });
    const channel = await connection.openChannel();
    expect(connection.isAlive).toBe(true);

    clock.ahead = 119_000;
    expect(connection.isAlive).toBe(true);
    clock.ahead = 121_000;
    expect(connection.isAlive).toBe(false);
    expect(connection.state).toBe('open');

    await channel.queueDeclare(harness.name(), { exclusive: true });
    expect(connection.isAlive).toBe(true);
  });

  it('A15 without heartbeats an open connection is alive', async () => {
    const clock = new TurnedClock();
    const connection = await harness.connect({ clock, heartbeat: 0 });
    clock.ahead = 10_000_000;
    expect(connection.isAlive).toBe(true);
    await connection.close();
    expect(connection.isAlive).toBe(false);
  });

  it('A15 state follows a loss, the reconnect and the end', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    expect(connection.state).toBe('open');
    const lost = eventOf(connection, 'disconnected');
    proxy.cut();
    await lost;
    expect(connection.state).toBe('reconnecting');
    expect(connection.isAlive).toBe(false);

    await eventOf(connection, 'reconnected');
    expect(connection.state).toBe('open');
    expect(connection.isAlive).toBe(true);

    const closing = connection.close();
    await closing;
    expect(connection.state).toBe('closed');
    expect(connection.isAlive).toBe(false);
    expect(await connection.closed).toBeUndefined();
  });

  it('A15 closed resolves with the reason when it was not close()', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: false });
    proxy.cut();
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
    expect(connection.state).toBe('closed');
  });
});
