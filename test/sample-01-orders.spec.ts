import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'nest-amqp/client';
import { startBuiltSample, startSample } from './support/sample-process.js';
import { sharedRabbit } from './support/shared-broker.js';
import { TcpProxy } from './support/tcp-proxy.js';

const folder = resolve(import.meta.dirname, '../sample/01-orders');

interface Step {
  readonly order: { readonly id: string };
  readonly step: string;
  readonly detail?: string;
}

/** Reads server-sent events until `enough` returns true. */
async function readSteps(url: string, enough: (steps: readonly Step[]) => boolean): Promise<readonly Step[]> {
  const stop = new AbortController();
  const steps: Step[] = [];
  const { body } = await fetch(`${url}/orders/events`, { signal: stop.signal });
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data) steps.push(JSON.parse(data) as Step);
    }
    if (enough(steps)) break;
  }
  stop.abort();
  return steps;
}

describe('sample/01-orders', () => {
  const lamp = { customer: 'Ada', item: 'Lamp', quantity: 1 };
  let app: ChildProcess;
  let proxy: TcpProxy;
  let url: string;

  const post = (body: unknown): Promise<Response> =>
    fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const stepsOf = (id: string, steps: readonly Step[]): string[] =>
    steps.filter(({ order }) => order.id === id).map(({ step }) => step);

  beforeAll(async () => {
    const rabbit = sharedRabbit();
    proxy = await TcpProxy.start(rabbit.port);
    const through = new URL(rabbit.url);
    through.port = String(proxy.port);
    ({ app, url } = await startSample('01-orders', through.href));
  }, 60_000);

  afterAll(async () => {
    app?.kill('SIGKILL');
    await proxy?.close();
    const connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel();
    for (const queue of [
      'billing',
      'billing.parked',
      'shipping',
      'shipping.parked',
      ...[250, 500, 1_000].map((delay) => `shipping.retry.${delay}`),
    ]) {
      await channel.queueDelete(`sample-01.${queue}`);
    }
    await channel.exchangeDelete('sample-01.orders');
    await connection.close();
  });

  it('answers 201 with the receipt, and the order is published, confirmed, billed and shipped', async () => {
    const response = await post(lamp);
    const receipt = (await response.json()) as { messageId: string; timeToConfirm: number };
    expect(response.status).toBe(201);
    expect(receipt).toMatchObject({ exchange: 'sample-01.orders', routingKey: 'order.created' });
    expect(receipt.timeToConfirm).toBeGreaterThan(0);
    const steps = await readSteps(url, (all) => stepsOf(receipt.messageId, all).length === 4);
    expect(stepsOf(receipt.messageId, steps).toSorted()).toEqual(['billed', 'confirmed', 'published', 'shipped']);
  });

  it('answers 422 with the broker’s reason when the order is unroutable', async () => {
    const response = await post({ ...lamp, route: 'order.nowhere' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE' });
    const [returned] = (await readSteps(url, (all) => all.some(({ step }) => step === 'returned'))).slice(-1);
    expect(returned!.detail).toContain('NO_ROUTE');
  });

  it.each([
    ['no fields', {}, 400],
    ['wrong types', { customer: 1, item: [], quantity: 'x' }, 400],
    ['a field that is not known', { ...lamp, price: 1 }, 400],
    ['a route that is not known', { ...lamp, route: '#' }, 400],
    ['no route', { ...lamp, route: null }, 400],
    ['a blank customer', { ...lamp, customer: '  ' }, 400],
    ['broken JSON', '{"customer":', 400],
    ['JSON that is deeply nested', `{"customer":${'['.repeat(500)}${']'.repeat(500)}}`, 400],
    ['JSON that is nested without end', `{"customer":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 413],
    ['an array', [lamp], 400],
    ['10 MB', `"${'a'.repeat(10_000_000)}"`, 413],
  ])('answers %s with a 4xx and a reason', async (_what, body, status) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { message: unknown }).message).toBeTruthy();
  });

  it('accepts an order of the longest names, however they are escaped', async () => {
    const name = String.raw`\u00e9`.repeat(60);
    const response = await post(`{ "customer": "${name}", "item": "${name}", "quantity": 1000 }`);
    expect(response.status).toBe(201);
  });

  it('does not show a message that is not an order', async () => {
    const connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel({ confirm: true });
    for (const body of ['{}', 'null', '{"id":"orders"}', 'no JSON']) {
      await channel.publish('sample-01.orders', 'order.created', body, { contentType: 'application/json' });
    }
    await connection.close();
    const { messageId } = (await (await post(lamp)).json()) as { messageId: string };
    const steps = await readSteps(url, (all) => stepsOf(messageId, all).includes('shipped'));
    expect(steps.filter(({ order }) => !/^[0-9a-f-]{36}$/.test(order?.id))).toEqual([]);
  });

  it('sends the last 100 orders to a page that opens later, each from its first step on', async () => {
    const receipts = await Promise.all(
      Array.from({ length: 130 }, async () => (await (await post(lamp)).json()) as { messageId: string }),
    );
    const last = receipts.map(({ messageId }) => messageId);
    const complete = (steps: readonly Step[]): string[] => last.filter((id) => stepsOf(id, steps).length === 4);
    const steps = await readSteps(url, (all) => complete(all).length === 100);
    expect(new Set(steps.map(({ order }) => order.id)).size).toBe(100);
  });

  it('retries an order that cannot be shipped, parks it, and ships it after a redrive', async () => {
    const press = async (button: string): Promise<string> => {
      const response = await fetch(`${url}/demo/${button}`, { method: 'POST' });
      return ((await response.json()) as { message: string }).message;
    };
    expect(await press('redrive')).toMatch(/^Parked orders sent back|^No order is parked/);
    await press('failures');
    const { messageId } = (await (await post(lamp)).json()) as { messageId: string };
    const own = (steps: readonly Step[]): string[] =>
      stepsOf(messageId, steps).filter((step) => !['published', 'confirmed', 'billed'].includes(step));
    const until = async (step: string): Promise<string[]> =>
      own(await readSteps(url, (all) => own(all).includes(step)));
    expect(await until('parked')).toEqual(['retried', 'retried', 'parked']);
    expect(await press('redrive')).toMatch(/^Parked orders sent back: [1-9]/);
    expect((await until('shipped')).toSorted()).toEqual(['parked', 'redriven', 'retried', 'retried', 'shipped']);
  }, 60_000);

  it('answers 503 with a reason within seconds while the broker is away, and 201 after its return', async () => {
    proxy.refuse();
    proxy.cut();
    const start = Date.now();
    const response = await post(lamp);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: 'PublishTimeoutError', message: expect.any(String) });
    expect(Date.now() - start).toBeLessThan(10_000);
    await proxy.accept();
    let status = 0;
    while (status !== 201) ({ status } = await post(lamp));
  }, 60_000);

  it('has its board at /amqp, for requests of this machine, whose changes may be longer than an order', async () => {
    expect((await fetch(`${url}/amqp`)).status).toBe(200);
    const { port } = new URL(url);
    const outer = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const address = outer.find(({ internal, family }) => !internal && family === 'IPv4')!.address;
    expect((await fetch(`http://${address}:${port}/amqp`)).status).toBe(403);
    const keys = Array.from({ length: 1_000 }, (_, index) => String(index).padStart(24, '0'));
    const stopped = await fetch(`${url}/amqp/api/stop`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nest-amqp-board': '1' },
      body: JSON.stringify({ id: 1, keys }),
    });
    expect(await stopped.json()).toEqual({ error: 'The redrive has ended already.' });
  });

  it('names its broker and the version', async () => {
    const about = (await (await fetch(`${url}/demo`)).json()) as { broker: string; embedded: boolean };
    expect(about.broker).toMatch(/^RabbitMQ \d+\.\d+\.\d+ at /);
    expect(about.embedded).toBe(false);
  });

  it('exits with 0 on SIGTERM, with a page open', async () => {
    const stop = new AbortController();
    await fetch(`${url}/orders/events`, { signal: stop.signal });
    const exited = once(app, 'exit', { signal: AbortSignal.timeout(10_000) });
    app.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    stop.abort();
  });

  it('needs no broker: without AMQP_URL it has its own, which ends with it', async () => {
    const own = await startBuiltSample('01-orders', '');
    const response = await fetch(`${own.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(lamp),
    });
    expect(await (await fetch(`${own.url}/demo`)).json()).toMatchObject({ embedded: true });
    const { messageId } = (await response.json()) as { messageId: string };
    await readSteps(own.url, (steps) => stepsOf(messageId, steps).length === 4);
    // The broker goes away and returns: orders placed in between wait for it.
    await fetch(`${own.url}/demo/outage`, { method: 'POST' });
    const waited = await fetch(`${own.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(lamp),
    });
    expect(waited.status).toBe(201);
    const flooded = await fetch(`${own.url}/demo/flood`, { method: 'POST' });
    expect(await flooded.json()).toEqual({ message: expect.stringMatching(/^10,000 orders are confirmed after/) });
    const exited = once(own.app, 'exit', { signal: AbortSignal.timeout(10_000) });
    own.app.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  }, 60_000);

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'npm start leaves no process when %s ends its first process',
    async (signal) => {
      // The shell takes the place of npm and its shell; `:` prevents it from replacing itself by the program.
      const own = await startBuiltSample('01-orders', '', [
        'sh',
        '-c',
        `'${process.execPath}' ../../tools/start.mjs; :`,
      ]);
      // Every process that it started holds its end of the pipe open.
      const gone = once(own.app, 'close', { signal: AbortSignal.timeout(10_000) });
      own.app.kill(signal);
      await gone;
      await expect(fetch(own.url)).rejects.toThrow('fetch failed');
    },
  );

  it.each([
    ["PORT is 'abc'", { PORT: 'abc' }],
    ["PORT is '65536'", { PORT: '65536' }],
  ])('does not start when %s, and says so', async (message, env) => {
    const started = promisify(execFile)(process.execPath, ['dist/main.js'], {
      cwd: folder,
      env: { ...process.env, AMQP_URL: sharedRabbit().url, ...env },
      timeout: 10_000,
    });
    await expect(started).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  });
});
