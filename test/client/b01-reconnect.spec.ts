import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Backoff } from '../../lib/environment/backoff.js';
import { ConnectionClosedError, ConnectionLostError, type AmqpError } from '../../lib/client/index.js';
import { compileClient } from './support/compiled-client.js';
import { errorOf, eventOf, TrackedClock, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';

describe('B1 automatic reconnect', () => {
  const harness = useClientHarness();

  it('B1 reconnects by itself, repeatedly', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const channel = await connection.openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue);
    for (let loss = 1; loss <= 3; loss++) {
      const [lost, back] = [eventOf(connection, 'disconnected'), eventOf(connection, 'reconnected')];
      proxy.cut();
      expect((await lost)[0]).toBeInstanceOf(ConnectionLostError);
      await back;
      await channel.publish('', queue, `${loss}`);
    }
    expect((await channel.queueDeclare(queue, { passive: true })).messageCount).toBe(3);
  });

  it('B1 the delays double up to their maximum, each drawn between zero and that value', () => {
    const longest = new Backoff(100, 1_000, { next: () => 1 });
    expect(Array.from({ length: 6 }, () => longest.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    const shortest = new Backoff(100, 1_000, { next: () => 0 });
    expect(Array.from({ length: 3 }, () => shortest.next())).toEqual([0, 0, 0]);
    const forMonths = new Backoff(100, 30_000, { next: () => 0.5 });
    for (let attempt = 0; attempt < 5_000; attempt++) forMonths.next();
    expect(forMonths.next()).toBe(15_000);
  });

  it('B1 every attempt waits within these bounds, and failures are reported with the next delay', async () => {
    const waits: number[] = [];
    class Clock extends TrackedClock {
      override after(delay: number, run: () => void): () => void {
        if (watching && delay < 500) waits.push(delay);
        return super.after(delay, run);
      }
    }
    let watching = false;
    const options = { clock: new Clock(), reconnect: { initialDelay: 8, maxDelay: 20 }, connectTimeout: 1_000 };
    const { connection, proxy } = await harness.connectThroughProxy(options);
    const failures = new Inbox<[AmqpError, number]>();
    connection.on('reconnectFailed', (error, delay) => failures.add([error, delay]));
    proxy.refuse();
    watching = true;
    proxy.cut();
    for (const [error, delay] of await failures.take(4)) {
      expect(error.message).toMatch(/ECONNREFUSED/);
      expect(waits).toContain(delay);
    }
    expect(waits.length).toBeGreaterThanOrEqual(5);
    waits.slice(0, 5).forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual([8, 16, 20, 20, 20][index]!);
    });
    await proxy.accept();
    await eventOf(connection, 'reconnected');
  });

  it('B1 gives up after the allowed attempts', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({
      reconnect: { initialDelay: 1, maxDelay: 2, attempts: 3 },
    });
    const channel = await connection.openChannel();
    let failed = 0;
    connection.on('reconnectFailed', () => failed++);
    proxy.refuse();
    proxy.cut();
    const reason = await connection.closed;
    expect(reason).toBeInstanceOf(ConnectionClosedError);
    expect(reason!.message).toMatch(/gave up after 3 attempts/);
    expect(failed).toBe(2);
    expect(await channel.closed).toBe(reason);
    expect(await errorOf(connection.openChannel())).toBeInstanceOf(ConnectionClosedError);
  });

  it('B1 reconnect: false closes instead', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({ reconnect: false });
    const channel = await connection.openChannel();
    const pending = errorOf(channel.publish('', 'q', 'x').then(() => channel.basicGet(harness.name())));
    proxy.cut();
    expect(await connection.closed).toBeInstanceOf(ConnectionLostError);
    expect(await channel.closed).toBeInstanceOf(ConnectionLostError);
    expect(await pending).toBeDefined();
    expect(proxy.accepted).toBe(1);
  });

  it('B1 close() ends a reconnect that waits', async () => {
    const { connection, proxy } = await harness.connectThroughProxy({
      reconnect: { initialDelay: 3_600_000, maxDelay: 3_600_000 },
    });
    proxy.refuse();
    proxy.cut();
    await eventOf(connection, 'disconnected');
    await connection.close();
    expect(connection.state).toBe('closed');
  });

  it('B1 the first connect() rejects instead of retrying for ever', async () => {
    const proxy = await harness.proxy();
    proxy.refuse();
    const error = await errorOf(harness.connect({ urls: `amqp://127.0.0.1:${proxy.port}` }));
    expect(error.message).toMatch(/ECONNREFUSED/);
    expect((error.cause as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  it('B1 a program with only a connection stays alive while it reconnects, and ends after close()', async () => {
    const folder = await compileClient();
    harness.cleanup(() => rm(folder, { recursive: true, force: true }));
    const proxy = await harness.proxy();
    const client = pathToFileURL(join(folder, 'lib/client/index.js')).href;
    const program = `
      const { connect } = await import(${JSON.stringify(client)});
      const connection = await connect({
        urls: 'amqp://127.0.0.1:${proxy.port}',
        reconnect: { initialDelay: 20, maxDelay: 100 },
      });
      connection.on('reconnectFailed', () => console.log('failed'));
      connection.on('reconnected', async () => { console.log('back'); await connection.close(); });
      console.log('connected');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    harness.cleanup(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const lines = new Inbox<string>();
    createInterface({ input: child.stdout }).on('line', lines.add);
    expect(await lines.next()).toBe('connected');
    proxy.refuse();
    proxy.cut();
    expect(await lines.take(3)).toEqual(['failed', 'failed', 'failed']);
    await proxy.accept();
    expect(await exited).toEqual([0, null]);
    expect(lines.all.at(-1)).toBe('back');
  });
});
