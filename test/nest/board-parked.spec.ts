import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, fixed, quorumQueue, type AmqpContext } from 'nest-amqp';
import type { AmqpBoardOptions } from 'nest-amqp/board';
import { Inbox } from '../support/inbox.js';
import { startBoard, type RunningBoard, type ShownSnapshot } from './support/board-harness.js';
import { publisherOf, useNest } from './support/nest-harness.js';

interface Parked {
  readonly total: number;
  readonly seen: number;
  readonly count: number;
  readonly oldest?: number;
  readonly groups: readonly { id: string; type: string; text: string; handler?: string; count: number }[];
  readonly messages: readonly { key: string; messageId?: string; reason?: string; group: string; failedAt?: number }[];
}

interface Whole {
  readonly edit?: { readonly text?: string; readonly headers?: Record<string, string>; readonly refused?: string };
  readonly message: Record<string, unknown>;
  readonly payload: { readonly kind: string; readonly text: string };
}

describe('parked messages on the board', () => {
  const nest = useNest();

  /** Starts a board whose consumer fails while `broken`. */
  async function start(queue = nest.name('orders'), options: AmqpBoardOptions = {}) {
    nest.sweep(`${queue}.parked`, `${queue}.retry.20`);
    const state = { broken: true };
    const handled = new Inbox<AmqpContext>();

    @Injectable()
    class Orders {
      @AmqpConsumer(queue, { retry: { attempts: 2, backoff: fixed(20) } })
      onOrder(order: { id: number; total: number }, context: AmqpContext): void {
        if (!state.broken) return handled.add(context);
        if (order.total > 100) throw new RangeError(`customer 5f43a1b2c3 is over the limit by ${order.total}`);
        throw new Error(`the carrier does not answer for order ${order.id}`);
      }
    }

    const board = await startBoard(nest, {
      providers: [Orders],
      amqp: { topology: { queues: [quorumQueue(queue)] } },
      board: { user: () => 'alice', ...options },
    });
    return { queue, state, handled, board };
  }

  /** Publishes orders and waits until all are parked: those with an even number are over the limit. */
  async function park(board: RunningBoard, queue: string, count: number): Promise<void> {
    const publisher = publisherOf(board.app);
    for (let id = 0; id < count; id++) {
      const order = { id: 4_700 + id, total: id % 2 === 0 ? 500 + id : 20 };
      await publisher.sendToQueue(queue, order, { messageId: `order-${order.id}`, headers: { tenant: 'acme' } });
    }
    for (let parked = 0; parked < count; parked++) await nest.lines.until('parked in');
  }

  const look = (board: RunningBoard, queue: string, query: Record<string, string> = {}): Promise<Parked> =>
    board.read(`/amqp/api/parked?${new URLSearchParams({ connection: 'default', queue, ...query }).toString()}`);

  /** Resolves with the redrive once it has ended. */
  async function ended(board: RunningBoard, body: object) {
    const response = await board.change('redrive', { connection: 'default', ...body });
    expect(response.status).toBe(200);
    const { id } = (await response.json()) as { id: number };
    const stream = await board.watch();
    const isOver = (redrive: { id: number; ended: unknown }): boolean =>
      redrive.id === id && redrive.ended !== undefined;
    const { redrives } = await stream.until<ShownSnapshot>('snapshot', (shown) => shown.redrives.some(isOver));
    stream.close();
    return redrives.find(isOver)!;
  }

  const ids = (messages: readonly { messageId?: string }[]): unknown[] =>
    messages.map(({ messageId }) => messageId).sort();

  it('groups them by error, without numbers and ids, and pages through a group', async () => {
    const { board, queue } = await start();
    // The time of a failure is in whole seconds.
    const began = Date.now() - 1_001;
    await park(board, queue, 5);
    const all = await look(board, queue);
    expect(all).toMatchObject({ total: 5, seen: 5, count: 5 });
    const failedAt = all.messages.map((message) => message.failedAt!);
    expect(all.oldest).toBeLessThanOrEqual(Math.min(...failedAt));
    expect(all.oldest).toBeGreaterThan(began);
    expect(all.groups).toMatchObject([
      { type: 'RangeError', text: 'customer ‹id› is over the limit by #', handler: 'Orders.onOrder', count: 3 },
      { type: 'Error', text: 'the carrier does not answer for order #', handler: 'Orders.onOrder', count: 2 },
    ]);
    const group = all.groups[0]!.id;
    const pages = [
      await look(board, queue, { group, limit: '2' }),
      await look(board, queue, { group, limit: '2', offset: '2' }),
    ];
    expect(pages.map(({ messages }) => messages.length)).toEqual([2, 1]);
    expect(ids(pages.flatMap(({ messages }) => messages))).toEqual(['order-4700', 'order-4702', 'order-4704']);
    expect(await nest.ready(`${queue}.parked`)).toBe(5);
  });

  it('counts messages that another process has parked once somebody has looked at them', async () => {
    const { board, queue } = await start();
    const other = await start(queue);
    const counted = async (count: number): Promise<void> => {
      const stream = await board.watch();
      await stream.until<ShownSnapshot>('snapshot', ({ queues }) => queues[0]!.parked === count);
      stream.close();
    };
    await counted(0);
    await board.change('pause', { queue, handler: 'Orders.onOrder' });
    await park(other.board, queue, 1);
    expect(await look(board, queue)).toMatchObject({ total: 1 });
    await counted(1);
  });

  it('searches payloads, ids and errors', async () => {
    const { board, queue } = await start();
    await park(board, queue, 4);
    const found = async (search: string): Promise<unknown[]> => ids((await look(board, queue, { search })).messages);
    expect(await found('"total":502')).toEqual(['order-4702']);
    expect(await found('ORDER-4701')).toEqual(['order-4701']);
    expect(await found('carrier')).toEqual(['order-4701', 'order-4703']);
    expect(await found('nothing of that')).toEqual([]);
  });

  it('shows one message in full: payload, headers, failures, where it was published', async () => {
    const { board, queue } = await start();
    await park(board, queue, 2);
    const { messages } = await look(board, queue);
    const { key } = messages.find(({ messageId }) => messageId === 'order-4701')!;
    const query = new URLSearchParams({ connection: 'default', queue, key }).toString();
    const { message, payload } = await board.read<Whole>(`/amqp/api/message?${query}`);
    expect(payload).toMatchObject({ kind: 'json', text: '{\n  "id": 4701,\n  "total": 20\n}', cut: false });
    expect(message).toMatchObject({
      messageId: 'order-4701',
      exchange: '',
      routingKey: queue,
      attempts: 2,
      lastFailure: {
        message: 'Error: the carrier does not answer for order 4701',
        stack: expect.stringContaining('Orders.onOrder'),
      },
      properties: { headers: { tenant: 'acme' }, contentType: 'application/json' },
    });
    expect(message).not.toHaveProperty('body');
    expect((await board.get(`/amqp/api/message?${query}0`)).status).toBe(404);
  });

  it('shows bodies that cannot be decoded, and messages of other clients', async () => {
    const { board, queue } = await start();
    await park(board, queue, 1);
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    await nest.channel.publish('', `${queue}.parked`, '{"half":', {
      contentType: 'application/json',
      messageId: 'half',
    });
    await nest.channel.publish('', `${queue}.parked`, bytes, { messageId: 'bytes' });
    await nest.channel.publish('', `${queue}.parked`, '<b>hello</b>', { contentType: 'text/plain', messageId: 'text' });
    const { messages, groups } = await look(board, queue, { fresh: 'true' });
    expect(groups.map(({ type, text }) => [type, text])).toContainEqual(['', 'parked by another client']);
    const shown = async (id: string): Promise<unknown> => {
      const { key } = messages.find(({ messageId }) => messageId === id)!;
      const query = new URLSearchParams({ connection: 'default', queue, key }).toString();
      return (await board.read<Whole>(`/amqp/api/message?${query}`)).payload;
    };
    expect(await shown('half')).toMatchObject({ kind: 'undecodable', text: '{"half":' });
    expect(await shown('bytes')).toMatchObject({ kind: 'bytes', text: bytes.toString('base64'), size: 3 });
    expect(await shown('text')).toMatchObject({ kind: 'text', text: '<b>hello</b>' });
  });

  it('sends one back, a selection, a group and all, each with its numbers and a line in the log', async () => {
    const { board, queue, state, handled } = await start();
    await park(board, queue, 8);
    state.broken = false;
    const { messages, groups } = await look(board, queue);
    const keyOf = (id: string): string => messages.find(({ messageId }) => messageId === id)!.key;
    const taken = async (count: number): Promise<unknown[]> =>
      (await handled.take(count)).map(({ properties }) => properties.messageId).sort();

    expect(await ended(board, { queue, choice: 'messages', keys: [keyOf('order-4703')] })).toMatchObject({
      state: 'done',
      redriven: 1,
      by: 'alice',
    });
    expect(await taken(1)).toEqual(['order-4703']);
    await nest.lines.until(`alice sends selected messages back to queue '${queue}'`);
    expect(
      await ended(board, { queue, choice: 'messages', keys: [keyOf('order-4700'), keyOf('order-4701')] }),
    ).toMatchObject({ redriven: 2 });
    expect(await taken(2)).toEqual(['order-4700', 'order-4701']);
    const [overLimit] = groups;
    expect(await ended(board, { queue, choice: 'group', group: overLimit!.id })).toMatchObject({
      redriven: 3,
      kept: 2,
    });
    expect(await taken(3)).toEqual(['order-4702', 'order-4704', 'order-4706']);
    expect(ids((await look(board, queue)).messages)).toEqual(['order-4705', 'order-4707']);
    expect(await ended(board, { queue, choice: 'all', rate: 1_000 })).toMatchObject({
      state: 'done',
      redriven: 2,
      total: 2,
    });
    expect(await taken(2)).toEqual(['order-4705', 'order-4707']);
    await nest.lines.until(`of queue '${queue}' by alice is done: 2 sent, 0 left, 0 could not be sent`);
    expect(await nest.ready(`${queue}.parked`)).toBe(0);
  });

  describe('are edited', () => {
    const EDIT = { edit: true };

    /** Parks one order, and returns its key and what the board offers to edit. */
    async function parkedOrder(options: AmqpBoardOptions = EDIT) {
      const started = await start(undefined, options);
      const { board, queue } = started;
      await park(board, queue, 2);
      const { messages } = await look(board, queue);
      const { key } = messages.find(({ messageId }) => messageId === 'order-4701')!;
      const query = new URLSearchParams({ connection: 'default', queue, key }).toString();
      const whole = () => board.read<Whole>(`/amqp/api/message?${query}`);
      const edit = (change: object): Promise<Response> =>
        board.change('edit', { connection: 'default', queue, key, ...change });
      return { ...started, whole, edit };
    }

    const refusal = async (response: Response): Promise<[number, unknown]> => [
      response.status,
      ((await response.json()) as { error: unknown }).error,
    ];

    it('and sent back, with a line in the log that has no payload; the others stay', async () => {
      const { board, queue, state, handled, whole, edit } = await parkedOrder();
      expect((await whole()).edit).toEqual({ text: '{"id":4701,"total":20}', headers: { tenant: 'acme' } });
      state.broken = false;
      const sent = await edit({
        text: '{"id":4701,"total":21,"note":"secret"}',
        headers: { tenant: 'other', extra: 'new' },
      });
      expect(await sent.json()).toMatchObject({ state: 'done', redriven: 1, choice: 'edited', by: 'alice' });
      const context = await handled.next();
      expect(context.attempt).toBe(1);
      expect(context.delivery.body.toString()).toBe('{"id":4701,"total":21,"note":"secret"}');
      expect(context.properties).toMatchObject({ messageId: 'order-4701', contentType: 'application/json' });
      expect(context.headers).toEqual({ tenant: 'other', extra: 'new' });
      expect(ids((await look(board, queue)).messages)).toEqual(['order-4700']);
      const line = await nest.lines.until(
        `alice sends the parked message 'order-4701' with another payload and other headers 'tenant', 'extra' back to queue`,
      );
      expect(line).not.toContain('secret');
      expect(await refusal(await edit({ text: '{}' }))).toEqual([404, expect.stringContaining('not parked any more')]);
    });

    it('only their headers, which leaves the body byte for byte', async () => {
      const { state, handled, edit } = await parkedOrder();
      state.broken = false;
      expect((await edit({ headers: { tenant: null } })).status).toBe(200);
      const context = await handled.next();
      expect(context.delivery.body.toString()).toBe('{"id":4701,"total":20}');
      expect(context.headers).toEqual({});
    });

    it('only if the option says so', async () => {
      const { board, queue, whole, edit } = await parkedOrder({});
      expect((await whole()).edit).toBeUndefined();
      expect(await refusal(await edit({ text: '{}' }))).toEqual([403, expect.stringContaining('no option edit')]);
      expect((await look(board, queue)).total).toBe(2);
    });

    it('only to what the handler can read; a refused edit leaves them parked', async () => {
      const { board, queue, edit } = await parkedOrder();
      const refused = async (change: object): Promise<[number, unknown]> => refusal(await edit(change));
      expect(await refused({ text: '{"id":' })).toEqual([400, expect.stringContaining('could not read this payload')]);
      expect(await refused({})).toEqual([400, 'Nothing was changed.']);
      expect(await refused({ text: '{"id":4701,"total":20}', headers: { tenant: 'acme' } })).toEqual([
        400,
        'Nothing was changed.',
      ]);
      expect(await refused({ text: 5 })).toEqual([400, 'text must be a text.']);
      expect(await refused({ headers: { tenant: 5 } })).toEqual([
        400,
        expect.stringContaining('headers must have names'),
      ]);
      expect(await refused({ headers: { 'x-nest-amqp-retry': 'x' } })).toEqual([
        400,
        "The header 'x-nest-amqp-retry' cannot be edited.",
      ]);
      expect((await look(board, queue, { fresh: 'true' })).total).toBe(2);
      expect(nest.lines.with('alice sends')).toEqual([]);
    });

    it('only if they are text that fits into a request', async () => {
      const { board, queue } = await start(undefined, EDIT);
      await park(board, queue, 1);
      const typed = { contentType: 'text/plain' };
      const bodies = {
        bytes: [Buffer.from([0xff, 0xfe, 0x00]), {}, { refused: 'Its payload is not text.' }],
        zeros: [Buffer.from('a\0b'), {}, { refused: 'Its payload is not text.' }],
        large: [Buffer.alloc(65_537, 'a'), typed, { refused: 'Its payload has more than 64 KB.' }],
        bomb: [
          gzipSync(Buffer.alloc(1e6, 'a')),
          { ...typed, contentEncoding: 'gzip' },
          { refused: expect.any(String) },
        ],
        packed: [gzipSync('hello'), { ...typed, contentEncoding: 'gzip' }, { text: 'hello' }],
        half: [Buffer.from('{"half":'), { contentType: 'application/json' }, { text: '{"half":' }],
        latin: [Buffer.from('plain'), { contentType: 'text/plain; charset=iso-8859-1' }, { text: 'plain' }],
      } as const;
      for (const [messageId, [body, properties]] of Object.entries(bodies)) {
        const headers = { kept: 5, text: 'edited' };
        await nest.channel.publish('', `${queue}.parked`, body, { ...properties, messageId, headers });
      }
      const { messages } = await look(board, queue, { fresh: 'true' });
      const keyOf = (id: string): string => messages.find(({ messageId }) => messageId === id)!.key;
      for (const [id, [, , offered]] of Object.entries(bodies)) {
        const query = new URLSearchParams({ connection: 'default', queue, key: keyOf(id) }).toString();
        const { edit } = await board.read<Whole>(`/amqp/api/message?${query}`);
        const headers = 'text' in offered ? { headers: { text: 'edited' } } : {};
        expect([id, edit]).toEqual([id, { ...offered, ...headers }]);
      }
      const change = async (id: string, more: object): Promise<[number, unknown]> =>
        refusal(await board.change('edit', { connection: 'default', queue, key: keyOf(id), ...more }));
      expect(await change('bytes', { text: 'text' })).toEqual([409, expect.stringContaining('is not text')]);
      expect(await change('latin', { text: 'ü' })).toEqual([400, expect.stringContaining('charset')]);
      expect(await change('half', { headers: { kept: '6' } })).toEqual([
        400,
        expect.stringContaining("'kept' is not text"),
      ]);
      expect((await look(board, queue, { fresh: 'true' })).total).toBe(8);
    });
  });

  it('stops a redrive, and refuses a second one and looks meanwhile', async () => {
    const { board, queue, state } = await start();
    await park(board, queue, 6);
    state.broken = false;
    const begun = await board.change('redrive', { connection: 'default', queue, choice: 'all', rate: 1 });
    const { id } = (await begun.json()) as { id: number };
    expect((await board.change('redrive', { connection: 'default', queue, choice: 'all' })).status).toBe(409);
    expect((await board.change('purge', { connection: 'default', queue, confirm: queue })).status).toBe(409);
    const query = new URLSearchParams({ connection: 'default', queue, fresh: 'true' }).toString();
    expect((await board.get(`/amqp/api/parked?${query}`)).status).toBe(409);
    expect((await board.change('stop', { id })).status).toBe(200);
    const stream = await board.watch();
    const { redrives } = await stream.until<ShownSnapshot>(
      'snapshot',
      (shown) => shown.redrives[0]!.ended !== undefined,
    );
    stream.close();
    const [{ redriven, state: how }] = redrives as [ShownSnapshot['redrives'][0]];
    expect(how).toBe('stopped');
    expect(redriven).toBeLessThan(6);
    const left = await look(board, queue, { fresh: 'true' });
    expect(left.total).toBe(6 - redriven);
    expect((await board.change('stop', { id })).status).toBe(404);
  });

  it('deletes all only if the name of the queue was typed', async () => {
    const { board, queue } = await start();
    await park(board, queue, 3);
    const address = { connection: 'default', queue };
    expect((await board.change('purge', { ...address, confirm: 'orders' })).status).toBe(400);
    expect((await board.change('purge', address)).status).toBe(400);
    expect((await look(board, queue)).total).toBe(3);
    const deleted = await board.change('purge', { ...address, confirm: queue });
    expect(await deleted.json()).toEqual({ deleted: 3 });
    await nest.lines.until(`alice deleted the parked messages of queue '${queue}': 3`);
    expect((await look(board, queue)).total).toBe(0);
  });

  it('answers wrong requests with a reason', async () => {
    const { board, queue } = await start();
    const status = async (query: Record<string, string>): Promise<number> =>
      (await board.get(`/amqp/api/parked?${new URLSearchParams(query).toString()}`)).status;
    expect(await status({ queue })).toBe(400);
    expect(await status({ connection: 'default', queue, limit: '0' })).toBe(400);
    expect(await status({ connection: 'default', queue, limit: 'x' })).toBe(400);
    expect(await status({ connection: 'none', queue })).toBe(400);
    expect(await status({ connection: 'default', queue: nest.name() })).toBe(404);
    const redrive = async (body: object): Promise<number> =>
      (await board.change('redrive', { connection: 'default', queue, ...body })).status;
    expect(await redrive({})).toBe(400);
    expect(await redrive({ choice: 'messages', keys: [] })).toBe(400);
    expect(await redrive({ choice: 'messages', keys: [{}] })).toBe(400);
    expect(await redrive({ choice: 'all', rate: 0 })).toBe(400);
    expect(await redrive({ choice: 'some' })).toBe(400);
  });
});
