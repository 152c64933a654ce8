import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type Channel, type Connection } from 'nest-amqp/client';
import { sharedRabbit } from './support/shared-broker.js';
import { startSample } from './support/sample-process.js';

const QUEUE = 'sample-04.readings';

describe('sample/04-batch', () => {
  let app: ChildProcess;
  let origin: string;
  let connection: Connection;
  let channel: Channel;

  beforeAll(async () => {
    const { app: started, url } = await startSample('04-batch', sharedRabbit().url);
    app = started;
    ({ origin } = new URL(url));
    connection = await connect(sharedRabbit().url);
    channel = await connection.openChannel();
  }, 60_000);
  afterAll(async () => {
    app?.kill('SIGKILL');
    await channel.queueDelete(QUEUE);
    await channel.queueDelete(`${QUEUE}.parked`);
    await connection.close();
  });

  it('inserts in batches; an invalid reading is parked alone', async () => {
    const good = Array.from({ length: 250 }, (_, index) => ({ sensor: 'a', value: index % 2 === 0 ? 10 : 20 }));
    const response = await fetch(`${origin}/readings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([...good, { sensor: 'b', value: 900 }, { sensor: 'c' }]),
    });
    expect(response.status).toBe(201);
    let shown: { averages: Record<string, number>; batches: number[] };
    let inserted: number;
    do {
      shown = (await (await fetch(`${origin}/averages`)).json()) as typeof shown;
      inserted = shown.batches.reduce((sum, count) => sum + count, 0);
    } while (inserted < 250);
    expect(shown.averages).toEqual({ a: 15 });
    expect(shown.batches.length).toBeLessThan(20);
    while ((await channel.queueDeclare(`${QUEUE}.parked`, { passive: true })).messageCount < 2);
  });

  it('exits with 0 on SIGTERM', async () => {
    const exited = once(app, 'exit', { signal: AbortSignal.timeout(10_000) });
    app.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
