import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ConnectionForcedError } from '../../lib/client/index.js';
import { type RabbitMq, startRabbitMq } from '../support/rabbitmq.js';
import { Application } from './support/application.js';
import { eventOf, useClientHarness } from './support/client-harness.js';

/** Milliseconds. A broker on a busy machine is slow to start. */
const BOOT = 150_000;
jest.setTimeout(2 * BOOT);

describe('B restore after faults of the broker', () => {
  const harness = useClientHarness();
  let rabbit: RabbitMq;

  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local' });
  });
  afterAll(async () => {
    await rabbit?.stop();
  });

  it('B killed (SIGKILL) and started again: all pending calls are settled, all declarations are restored', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({}, rabbit.port);
    const application = await Application.start(harness, connection);
    const redelivered = await application.hold();
    await rabbit.flush();
    proxy.stall('toServer');
    const settled = application.pend();
    const lost = eventOf(connection, 'disconnected');
    const failed = eventOf(connection, 'reconnectFailed');
    const back = eventOf(connection, 'reconnected', BOOT);
    const waiting = lost.then(() =>
      application.sibling.publish('', application.queue, 'published meanwhile', { timeout: BOOT }),
    );
    await rabbit.kill();
    proxy.resume();
    await lost;
    await settled();
    await failed;
    expect(connection.state).toBe('reconnecting');
    expect(connection.isAlive).toBe(false);
    await rabbit.start();
    await back;
    expect(await waiting).toBe(1);
    await redelivered();
    expect((await application.work.next()).text()).toBe('published meanwhile');
    await application.verify();
  });

  it('B restarted in order', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({}, rabbit.port);
    const application = await Application.start(harness, connection);
    const redelivered = await application.hold();
    proxy.stall('toServer');
    const settled = application.pend();
    const back = eventOf(connection, 'reconnected', BOOT);
    const restarted = rabbit.restart();
    const [reason] = await eventOf<[Error]>(connection, 'disconnected');
    expect(reason.cause).toBeInstanceOf(ConnectionForcedError);
    await settled();
    proxy.resume();
    await restarted;
    await back;
    await redelivered();
    await application.verify();
  });

  it('B rabbitmqctl close_all_connections, three times', async () => {
    const connection = await harness.connect({ urls: rabbit.url });
    const application = await Application.start(harness, connection);
    for (let round = 0; round < 3; round++) {
      const redelivered = await application.hold();
      const lost = eventOf<[Error & { cause: unknown }]>(connection, 'disconnected');
      const back = eventOf(connection, 'reconnected');
      await rabbit.ctl('close_all_connections', 'by the operator');
      const [reason] = await lost;
      expect(reason).toMatchObject({ replyCode: 320, outcome: 'unknown' });
      expect(reason.message).toContain('by the operator');
      expect(reason.cause).toBeInstanceOf(ConnectionForcedError);
      await back;
      await redelivered();
      await application.verify();
    }
  });

  it('B a consumer of a durable queue receives every confirmed persistent message after a kill', async () => {
    const connection = await harness.connect({ urls: rabbit.url });
    const application = await Application.start(harness, connection);
    const confirmed: string[] = [];
    const outcomes: Promise<unknown>[] = [];
    const lost = eventOf(connection, 'disconnected');
    const back = eventOf(connection, 'reconnected', BOOT);
    await rabbit.flush();
    let over = false;
    void lost.then(() => (over = true));
    const killed = rabbit.kill();
    for (let n = 0; !over; n++) {
      const text = `persistent ${n}`;
      const publish = application.sibling.publish('', application.queue, text, { deliveryMode: 2 });
      outcomes.push(
        publish.then(
          () => confirmed.push(text),
          (error: unknown) => error,
        ),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    await killed;
    await rabbit.start();
    await back;
    await Promise.all(outcomes);
    await application.sibling.publish('', application.queue, 'last', { deliveryMode: 2 });
    const seen = new Set<string>();
    while (!seen.has('last')) seen.add((await application.work.next()).text());
    expect(confirmed.filter((text) => !seen.has(text))).toEqual([]);
  });
});
