import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'nest-amqp/client';
import { RetryPolicy } from '../src/settlement/retry/retry-policy.js';
import { eventually } from './client/support/client-harness.js';
import { sharedRabbit } from './support/shared-broker.js';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/06-microservice');

/** Starts one part of the sample as a user does; resolves when it prints `ready`. */
async function start(part: string, ready: RegExp): Promise<{ app: ChildProcess; said: RegExpExecArray }> {
  const app = spawn(process.execPath, ['dist/main.js', part], {
    cwd: folder,
    env: { ...process.env, AMQP_URL: sharedRabbit().url, PORT: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const said = await new Promise<RegExpExecArray>((found, failed) => {
    app.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const match = ready.exec(output);
      if (match) found(match);
    });
    app.once('exit', () => failed(new Error(`${part} ended before it was ready:\n${output}`)));
  });
  return { app, said };
}

describe('sample/06-microservice', () => {
  const apps = new Map<string, ChildProcess>();
  let url: string;

  const startService = async (part: string): Promise<void> => {
    apps.set(part, (await start(part, /microservice successfully started/)).app);
  };
  const stop = async (part: string): Promise<void> => {
    const app = apps.get(part)!;
    const ended = once(app, 'exit');
    app.kill('SIGTERM');
    await ended;
    apps.delete(part);
  };
  const place = (body: object): Promise<Response> =>
    fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const get = async (path: string): Promise<unknown> => (await fetch(`${url}/${path}`)).json();

  beforeAll(async () => {
    await run('npm', ['run', 'build'], { cwd: folder });
    await startService('stock');
    await startService('orders');
    const { app, said } = await start('gateway', /Open (http:\S+)\/orders/);
    apps.set('gateway', app);
    url = said[1]!;
  }, 120_000);

  afterAll(async () => {
    for (const app of apps.values()) app.kill('SIGKILL');
    const connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel();
    for (const queue of ['sample-06.stock', 'sample-06.orders']) {
      const levels = new RetryPolicy('the service', undefined, 'broker').levels.map((ms) => `retry.${ms}`);
      for (const suffix of ['', '.parked', ...levels.map((level) => `.${level}`)]) {
        await channel.queueDelete(`${queue}${suffix}`);
      }
    }
    await channel.exchangeDelete('sample-06.events');
    await connection.close();
  });

  it('places an order through both services, and the gateway receives the event', async () => {
    const response = await place({ item: 'lamp', quantity: 2 });
    expect(response.status).toBe(201);
    const order = (await response.json()) as { id: string };
    expect(order).toEqual({ id: expect.any(String), item: 'lamp', quantity: 2, left: 3 });
    await eventually(async () => ((await get('orders')) as { id: string }[]).some(({ id }) => id === order.id));
    expect(await get('stock')).toEqual([
      { item: 'lamp', left: 3 },
      { item: 'chair', left: 2 },
    ]);
  });

  it('answers 409 when the stock is too low, across two services', async () => {
    const response = await place({ item: 'chair', quantity: 3 });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ message: "not enough of 'chair' left" });
  });

  it.each([[{}], [{ item: '', quantity: 1 }], [{ item: 'lamp', quantity: 0 }], [{ item: 'lamp', quantity: 1, x: 1 }]])(
    'answers %j with 400',
    async (body) => {
      expect((await place(body)).status).toBe(400);
    },
  );

  it('answers 503 while a service is away, and works again after its return', async () => {
    await stop('stock');
    expect((await fetch(`${url}/stock`)).status).toBe(503);
    await startService('stock');
    await eventually(async () => (await fetch(`${url}/stock`)).status === 200);
    expect((await place({ item: 'lamp', quantity: 1 })).status).toBe(201);
  });

  it('reports missing configuration', async () => {
    const noBroker = run(process.execPath, ['dist/main.js'], { cwd: folder, env: { ...process.env, AMQP_URL: '' } });
    await expect(noBroker).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('AMQP_URL is not set') });
    const noPart = run(process.execPath, ['dist/main.js', 'x'], {
      cwd: folder,
      env: { ...process.env, AMQP_URL: 'amqp://x' },
    });
    await expect(noPart).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('stock, orders, gateway') });
  });
});
