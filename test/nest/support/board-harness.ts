import { get as httpGet, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module, type INestApplication, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AmqpModule, type AmqpModuleOptions } from 'nest-amqp';
import { AmqpBoardModule, type AmqpBoardOptions } from 'nest-amqp/board';
import type { Snapshot } from '../../../src/board/live/snapshots.js';
import type { NestHarness } from './nest-harness.js';

/** A snapshot as a viewer gets it. */
export type ShownSnapshot = Snapshot;

export const ADAPTERS = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };
export type Adapter = keyof typeof ADAPTERS;

export interface BoardSetup extends ModuleMetadata {
  readonly adapter?: Adapter;
  readonly amqp?: Partial<AmqpModuleOptions>;
  readonly board?: AmqpBoardOptions;
  /** Called before the application listens. */
  readonly prepare?: (app: INestApplication) => void;
}

/** An application with a board, and requests to it. */
export interface RunningBoard {
  readonly app: INestApplication;
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly origin: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Resolves with the JSON of an answer with status 200. */
  read<T = Record<string, unknown>>(path: string): Promise<T>;
  /** Sends a change as the page does. */
  change(what: string, body: object, headers?: Record<string, string>): Promise<Response>;
  /** Opens the event stream. */
  watch(): Promise<EventStream>;
}

/** Starts an application with a board at `/amqp` that is closed after the test. */
export async function startBoard(nest: NestHarness, setup: BoardSetup = {}): Promise<RunningBoard> {
  const { adapter = 'Express', amqp = {}, board = {}, prepare = () => {}, imports = [], ...host } = setup;

  @Module({
    imports: [AmqpModule.forRoot({ url: nest.rabbit.url, ...amqp }), AmqpBoardModule.forRoot(board), ...imports],
    ...host,
  })
  class AppModule {}

  const app = nest.adopt(
    await NestFactory.create(AppModule as Type, ADAPTERS[adapter](), { logger: nest.lines, abortOnError: false }),
  );
  prepare(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${origin}${path}`, { headers });
  return {
    app,
    origin,
    get,
    async read(path) {
      const response = await get(path);
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      return (await response.json()) as never;
    },
    change: (what, body, headers = {}) =>
      fetch(`${origin}/amqp/api/${what}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-nest-amqp-board': '1', ...headers },
        body: JSON.stringify(body),
      }),
    watch: () => EventStream.open(`${origin}/amqp/api/events`),
  };
}

interface BoardEvent {
  readonly name: string;
  readonly data: unknown;
}

/** The server-sent events of a response. */
export class EventStream {
  private readonly chunks: AsyncIterator<string>;
  private text = '';
  /** The last snapshot, with the changes since. */
  private snapshot: object = {};

  private constructor(readonly response: IncomingMessage) {
    this.chunks = response.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
  }

  /** Opens a stream on a connection of its own: fetch() would open another one for each that it closes. */
  static open(url: string): Promise<EventStream> {
    return new Promise((resolve, reject) => {
      httpGet(url, { agent: false }, (response) => resolve(new EventStream(response))).on('error', reject);
    });
  }

  /** Resolves with the next event; undefined at the end of the stream. */
  async next(): Promise<BoardEvent | undefined> {
    for (;;) {
      const end = this.text.indexOf('\n\n');
      if (end >= 0) {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(this.text.slice(0, end))!;
        this.text = this.text.slice(end + 2);
        return this.whole(name!, JSON.parse(data!) as object);
      }
      const { done, value } = await this.chunks.next();
      if (done === true) return undefined;
      this.text += value;
    }
  }

  /** Returns a snapshot for a change, as the page does. */
  private whole(name: string, data: object): BoardEvent {
    if (name !== 'snapshot' && name !== 'change') return { name, data };
    this.snapshot = name === 'snapshot' ? data : { ...this.snapshot, ...data };
    return { name: 'snapshot', data: this.snapshot };
  }

  /** Resolves with the data of the next event of that name which fits. */
  async until<T>(name: string, fits: (data: T) => boolean): Promise<T> {
    for (;;) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended before such a ${name}`);
      if (event.name === name && fits(event.data as T)) return event.data as T;
    }
  }

  close(): void {
    this.response.destroy();
  }
}
