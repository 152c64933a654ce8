import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'nest-amqp/client';
import { sharedRabbit } from './support/shared-broker.js';
import { startSample } from './support/sample-process.js';

describe('sample/03-rpc', () => {
  let app: ChildProcess;
  let origin: string;

  beforeAll(async () => {
    const { app: started, url } = await startSample('03-rpc', sharedRabbit().url);
    app = started;
    ({ origin } = new URL(url));
  }, 60_000);
  afterAll(async () => {
    app?.kill('SIGKILL');
    await using connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel();
    await channel.queueDelete('sample-03.prices');
    await channel.queueDelete('sample-03.prices.parked');
  });

  it('answers with the price', async () => {
    const response = await fetch(`${origin}/prices/lamp`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      item: 'lamp',
      cents: 4_900,
      asked: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('answers 404 with the text of the other side', async () => {
    const response = await fetch(`${origin}/prices/unicorn`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ message: "There is no 'unicorn' to be had" });
  });

  it('exits with 0 on SIGTERM', async () => {
    const exited = once(app, 'exit', { signal: AbortSignal.timeout(10_000) });
    app.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
