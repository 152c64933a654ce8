import {
  Controller,
  Get,
  Injectable,
  UnauthorizedException,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { gunzipSync } from 'node:zlib';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map } from 'rxjs';
import { AmqpConsumer, AmqpConsumerRegistry, classicQueue, quorumQueue } from 'nest-amqp';
import { AmqpBoardModule, UnguardedBoardError } from 'nest-amqp/board';
import { ConfigurationError } from 'nest-amqp/client';
import { ADAPTERS, startBoard, type Adapter, type BoardSetup, type ShownSnapshot } from './support/board-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

describe.each(Object.keys(ADAPTERS) as Adapter[])('the board on %s', (adapter) => {
  const nest = useNest();

  /** Starts a board whose consumer fails for `false`. */
  function startWith(queue: string, setup: BoardSetup = {}) {
    @Injectable()
    class Billing {
      @AmqpConsumer(queue, { prefetch: 7, retry: { attempts: 1 } })
      onOrder(fine: unknown): void {
        if (fine === false) throw new RangeError('no funds');
      }
    }
    nest.sweep(`${queue}.parked`);
    const amqp = { topology: { queues: [classicQueue(queue)] } };
    return startBoard(nest, { adapter, amqp, ...setup, providers: [Billing, ...(setup.providers ?? [])] });
  }

  it('serves its page and the files that it names, and nothing else', async () => {
    const board = await startWith(nest.name());
    const page = await board.get('/amqp');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const named = [...(await page.text()).matchAll(/(?:href|src)="(\?[^"]+)"/g)].map(([, url]) => url);
    expect(named).toEqual(['?file=icon.svg', '?file=board.css', '?file=start.js']);
    for (const url of named) expect((await board.get(`/amqp${url}`)).status).toBe(200);
    expect((await board.get('/amqp/board.js')).headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    for (const absent of ['nothing.js', 'files.ts', '..%2ffiles.ts', '__proto__', 'constructor']) {
      expect([absent, (await board.get(`/amqp/${absent}`)).status]).toEqual([absent, 404]);
    }
  });

  it('has a strict content security policy on every response, and the page needs no more', async () => {
    const board = await startWith(nest.name());
    const stream = await board.watch();
    const policies = [stream.response.headers['content-security-policy']];
    stream.close();
    for (const path of ['/amqp', '/amqp/board.js', '/amqp/nothing.js', '/amqp/api/parked']) {
      policies.push((await board.get(path)).headers.get('content-security-policy') ?? undefined);
    }
    const [policy] = policies;
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(policy).not.toContain('unsafe');
    expect(policies).toEqual(Array.from({ length: 5 }, () => policy));
    const html = await (await board.get('/amqp')).text();
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|https?:\/\/(?!www\.w3\.org)/);
  });

  it('takes at most 60 KB over the wire, and 304 the next time', async () => {
    const board = await startWith(nest.name());
    const files = await filesOf((path) => board.get(path).then((response) => response.text()));
    expect(files.length).toBeGreaterThan(15);
    let bytes = 0;
    for (const file of ['', ...files]) {
      const { body, etag } = await compressed(`${board.origin}/amqp/${file}`.replace(/\/$/, ''));
      bytes += body.length;
      expect(gunzipSync(body).length).toBeGreaterThan(0);
      const again = await board.get(`/amqp/${file}`.replace(/\/$/, ''), { 'if-none-match': etag });
      expect(again.status).toBe(304);
    }
    expect(bytes).toBeLessThan(60_000);
  });

  it('is below a global prefix', async () => {
    const board = await startWith(nest.name(), {
      board: { path: 'ops/amqp/' },
      prepare: (app) => void app.setGlobalPrefix('api/v1'),
    });
    expect((await board.get('/api/v1/ops/amqp')).status).toBe(200);
    expect((await board.get('/api/v1/ops/amqp/board.js')).status).toBe(200);
    expect((await board.get('/ops/amqp')).status).toBe(404);
  });

  it('lets nobody past its guards: neither page, nor data, nor changes', async () => {
    const queue = nest.name();

    @Injectable()
    class Secrets {
      readonly word = 'open';
    }

    @Injectable()
    class WordGuard implements CanActivate {
      constructor(private readonly secrets: Secrets) {}

      canActivate(context: ExecutionContext): boolean {
        const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
        if (headers['x-word'] === this.secrets.word) return true;
        throw new UnauthorizedException();
      }
    }

    class SecretsModule {}
    const imports = [{ module: SecretsModule, providers: [Secrets], exports: [Secrets] }];
    const board = await startWith(queue, { board: { guards: [WordGuard], imports } });
    for (const path of ['/amqp', '/amqp/board.js', '/amqp?file=board.css', '/amqp/api/events', '/amqp/api/parked']) {
      expect([path, (await board.get(path)).status]).toEqual([path, 401]);
    }
    const pause = { handler: 'Billing.onOrder', queue };
    expect((await board.change('pause', pause)).status).toBe(401);
    expect(board.app.get(AmqpConsumerRegistry).list()[0]!.state).toBe('consuming');
    expect((await board.get('/amqp', { 'x-word': 'open' })).status).toBe(200);
    expect((await board.change('pause', pause, { 'x-word': 'open' })).status).toBe(200);
  });

  it('shows connections, consumers and queues, and what changes', async () => {
    const queue = nest.name();
    const board = await startWith(queue);
    const stream = await board.watch();
    const first = await stream.until<ShownSnapshot>('snapshot', () => true);
    expect(first.consumers).toMatchObject([
      { handler: 'Billing.onOrder', queue, connection: 'default', state: 'consuming', prefetch: 7, handled: 0 },
    ]);
    await publisherOf(board.app).sendToQueue(queue, true);
    const later = await stream.until<ShownSnapshot>(
      'snapshot',
      ({ consumers: [consumer], queues, connections }) =>
        consumer!.took !== undefined && queues[0]!.consumers === 1 && connections[0]!.confirm !== undefined,
    );
    expect(later.consumers).toMatchObject([{ handled: 1, failed: 0, failuresPerMinute: 0 }]);
    expect(later.queues).toEqual([{ connection: 'default', name: queue, ready: 0, consumers: 1, parked: 0 }]);
    expect(later.connections).toMatchObject([
      { name: 'default', purpose: 'publishing', state: 'open', vhost: '/', unconfirmed: 0, reconnects: 0 },
      { name: 'default', purpose: 'consuming', state: 'open', broker: expect.stringMatching(/^[\w.]+:\d+$/) },
    ]);
    stream.close();
  });

  it('shows failures with reason and stack, also those of before, and counts parked messages', async () => {
    const queue = nest.name();
    const board = await startWith(queue);
    const parked = nest.lines.until('parked in');
    await publisherOf(board.app).sendToQueue(queue, false, { messageId: 'm-1' });
    await parked;
    const stream = await board.watch();
    const [failure] = await stream.until<Record<string, unknown>[]>('failures', () => true);
    expect(failure).toMatchObject({
      handler: 'Billing.onOrder',
      queue,
      messageId: 'm-1',
      attempt: 1,
      reason: 'RangeError: no funds',
      stack: expect.stringContaining('at Billing.onOrder'),
      decision: 'park',
    });
    const shown = await stream.until<ShownSnapshot>('snapshot', ({ queues }) => queues[0]!.parked === 1);
    expect(shown.consumers[0]).toMatchObject({ failed: 1, failuresPerMinute: 1 });
    stream.close();
  });

  it('pauses and resumes a consumer of this process, and logs who did it', async () => {
    const queue = nest.name();
    const user = (asked: unknown): string => (asked as { headers: Record<string, string> }).headers['x-user']!;
    const board = await startWith(queue, { board: { user } });
    const consumer = { handler: 'Billing.onOrder', queue };
    const state = (): string => board.app.get(AmqpConsumerRegistry).list()[0]!.state;
    expect((await board.change('pause', consumer, { 'x-user': 'alice' })).status).toBe(200);
    expect(state()).toBe('paused');
    await nest.lines.until(`alice paused the consumer Billing.onOrder of queue '${queue}' in this process`);
    expect((await board.change('resume', consumer, { 'x-user': 'bob' })).status).toBe(200);
    expect(state()).toBe('consuming');
    await nest.lines.until('bob resumed the consumer');
  });

  it('logs the address of the client if the application names no users', async () => {
    const queue = nest.name();
    const board = await startWith(queue);
    expect((await board.change('pause', { handler: 'Billing.onOrder', queue })).status).toBe(200);
    await nest.lines.until('somebody at 127.0.0.1 paused the consumer');
  });

  it('refuses changes of foreign pages, of nobody, of unknown consumers, and wrong ones', async () => {
    const queue = nest.name();
    const user = (asked: unknown): string => {
      const name = (asked as { headers: Record<string, string> }).headers['x-user'];
      if (name === undefined) throw new Error('no session');
      return name;
    };
    const board = await startWith(queue, { board: { user } });
    const pause = { handler: 'Billing.onOrder', queue };
    const alice = { 'x-user': 'alice' };
    const foreign = await fetch(`${board.origin}/amqp/api/pause`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...alice },
      body: JSON.stringify(pause),
    });
    expect(foreign.status).toBe(403);
    const anonymous = await board.change('pause', pause);
    expect([anonymous.status, await anonymous.json()]).toEqual([403, { error: expect.stringContaining('no session') }]);
    expect((await board.change('pause', pause, { 'x-user': '' })).status).toBe(403);
    expect((await board.change('pause', { handler: 'Nobody', queue }, alice)).status).toBe(404);
    expect((await board.change('pause', {}, alice)).status).toBe(400);
    expect((await board.change('explode', pause, alice)).status).toBe(404);
    expect(board.app.get(AmqpConsumerRegistry).list()[0]!.state).toBe('consuming');
  });

  it('ends its event streams when the application stops', async () => {
    const board = await startWith(nest.name());
    const stream = await board.watch();
    await stream.until('snapshot', () => true);
    await nest.close(board.app);
    await expect(stream.until('nothing', () => false)).rejects.toThrow('the stream ended');
  });
});

describe('the board with the rest of an application', () => {
  const nest = useNest();

  it('keeps its answers although an interceptor wraps others, and its path although others have a version', async () => {
    @Controller()
    class Hello {
      @Get('hello')
      hello(): string {
        return 'hello';
      }
    }
    const board = await startBoard(nest, {
      controllers: [Hello],
      prepare: (app) => {
        app.useGlobalInterceptors({ intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))) });
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      },
    });
    expect(await (await board.get('/v1/hello')).json()).toEqual({ data: 'hello' });
    expect(await (await board.get('/amqp')).text()).toMatch(/^<!doctype html>/);
    expect(await (await board.get('/amqp/api/parked')).json()).toEqual({ error: expect.any(String) });
  });

  it('counts reconnects, and shows why a connection is away', async () => {
    const { proxy, url } = await nest.proxy();
    const board = await startBoard(nest, { amqp: { url } });
    const stream = await board.watch();
    proxy.refuse();
    proxy.cut();
    const away = await stream.until<ShownSnapshot>('snapshot', ({ connections }) =>
      connections.every(({ state }) => state === 'reconnecting'),
    );
    expect(away.connections[0]!.reason).toMatch(/./);
    await proxy.accept();
    const back = await stream.until<ShownSnapshot>('snapshot', ({ connections }) =>
      connections.every(({ state }) => state === 'open'),
    );
    expect(back.connections.map(({ reconnects }) => reconnects)).toEqual([1, 1]);
    stream.close();
  });

  it('shows a queue that does not exist with the reason, and the others with their numbers', async () => {
    const [there, gone] = [nest.name('b'), nest.name('a')];
    const topology = { queues: [quorumQueue(there), quorumQueue(gone)] };
    const board = await startBoard(nest, { amqp: { topology } });
    await nest.channel.queueDelete(gone);
    const stream = await board.watch();
    const shown = await stream.until<ShownSnapshot>('snapshot', ({ queues }) =>
      queues.every((queue) => queue.problem ?? queue.ready !== undefined),
    );
    expect(shown.queues).toMatchObject([
      { name: gone, problem: expect.stringContaining('404') },
      { name: there, ready: 0, consumers: 0, parked: 0 },
    ]);
    stream.close();
  });

  it('opens no connection, subscribes to nothing while nobody looks, and never to each message', async () => {
    const { channel, tracingChannel } = await import('node:diagnostics_channel');
    const { proxy, url } = await nest.proxy();
    const each = [tracingChannel('nest-amqp:process'), tracingChannel('nest-amqp:publish')];
    const some = [channel('nest-amqp:handler-time'), channel('nest-amqp:confirm-time')];
    const isWatching = (): boolean[] => some.map(({ hasSubscribers }) => hasSubscribers);
    const board = await startBoard(nest, { amqp: { url } });
    expect(isWatching()).toEqual([false, false]);
    const stream = await board.watch();
    await stream.until('snapshot', () => true);
    expect(isWatching()).toEqual([true, true]);
    expect(each.flatMap(({ start, asyncEnd }) => [start.hasSubscribers, asyncEnd.hasSubscribers])).not.toContain(true);
    stream.close();
    while (isWatching()[0]) await new Promise((resolve) => setImmediate(resolve));
    expect(isWatching()).toEqual([false, false]);
    expect(proxy.accepted).toBe(2);
  });
});

describe('AmqpBoardModule.forRoot', () => {
  const environment = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  it('refuses to be without a guard in production, and says what to do', () => {
    process.env['NODE_ENV'] = 'production';
    expect(() => AmqpBoardModule.forRoot({ path: '/ops' })).toThrow(UnguardedBoardError);
    expect(() => AmqpBoardModule.forRoot()).toThrow(/guards: \[AdminGuard\].*guardedElsewhere: true/);
    expect(() => AmqpBoardModule.forRoot({ guards: [] })).toThrow(UnguardedBoardError);
    expect(AmqpBoardModule.forRoot({ guardedElsewhere: true })).toMatchObject({ module: AmqpBoardModule });
    expect(AmqpBoardModule.forRoot({ guards: [{ canActivate: () => true }] })).toMatchObject({
      module: AmqpBoardModule,
    });
  });

  it.each([
    [{ gaurds: [] }, "unknown option 'gaurds'; did you mean 'guards'?"],
    [{ imports: class Guards {} }, 'AmqpBoardModule.forRoot(): imports must be an array'],
    [{ path: '' }, "path must be a path such as '/amqp'"],
    [{ path: '/a/:b' }, "path must be a path such as '/amqp'"],
    [{ guards: [undefined] }, 'guards must be an array of guards'],
    [{ guards: 'admin' }, 'guards must be an array of guards'],
    [{ user: 'alice' }, 'user must be a function'],
    [{ guardedElsewhere: 'false' }, 'guardedElsewhere must be true or false'],
  ])('refuses %j', (options, message) => {
    expect(() => AmqpBoardModule.forRoot(options as never)).toThrow(ConfigurationError);
    expect(() => AmqpBoardModule.forRoot(options as never)).toThrow(message);
  });
});

/** Follows the imports of the page's modules, and adds the style sheet and the icon. */
async function filesOf(read: (path: string) => Promise<string>): Promise<string[]> {
  const found = ['start.js', 'board.js'];
  for (const name of found) {
    for (const [, next] of (await read(`/amqp/${name}`)).matchAll(/from '\.\/([\w-]+\.js)'/g)) {
      if (!found.includes(next!)) found.push(next!);
    }
  }
  return [...found, 'board.css', 'icon.svg'];
}

/** Requests a file as a browser does; fetch() would uncompress it. */
function compressed(url: string): Promise<{ body: Buffer; etag: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { 'accept-encoding': 'gzip, deflate, br' } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ body: Buffer.concat(chunks), etag: response.headers.etag! }));
    });
    sent.on('error', reject).end();
  });
}
