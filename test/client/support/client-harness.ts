import { afterEach, beforeEach, expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock, type Clock } from '../../../lib/environment/clock.js';
import { connect, type Channel, type Connection, type ConnectionOptions } from '../../../lib/client/index.js';
import { sharedRabbit } from '../../support/shared-broker.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { ScriptedServer, type Peer } from './scripted-server.js';

/** Milliseconds that any awaited event may take. */
const PATIENCE = 15_000;

/** The system's clock; it records which of its timers still run. */
export class TrackedClock implements Clock {
  readonly running = new Set<string>();
  #count = 0;

  now(): number {
    return systemClock.now();
  }

  wallTime(): number {
    return systemClock.wallTime();
  }

  after(ms: number, run: () => void): () => void {
    const id = `timer ${++this.#count} of ${Math.round(ms)} ms`;
    this.running.add(id);
    const cancel = systemClock.after(ms, () => {
      this.running.delete(id);
      run();
    });
    return () => {
      this.running.delete(id);
      cancel();
    };
  }

  afterPendingEvents(run: () => void): void {
    systemClock.afterPendingEvents(run);
  }
}

/**
 * The clients of one test. `useClientHarness()` makes a new state before each test; after the test it closes all connections
 * and asserts that the client left no promise pending and no timer, socket or unhandled rejection behind.
 */
export class ClientHarness {
  /** The clock of connections that a test makes itself, so that their timers are watched as well. */
  clock = new TrackedClock();
  /** The log lines of the connections. */
  warnings: string[] = [];
  #connections: Connection[] = [];
  #cleanups: (() => unknown)[] = [];
  #pending = new Map<Promise<unknown>, string>();
  #names: string[] = [];
  #unhandled: unknown[] = [];
  #sockets = 0;

  /** Connects to the shared broker, or to `urls`, with short delays between reconnects. */
  async connect(options: ConnectionOptions = {}): Promise<Connection> {
    const connection = await this.tracked(
      'connect',
      connect({
        urls: sharedRabbit().url,
        reconnect: { initialDelay: 20, maxDelay: 100 },
        clock: this.clock,
        logger: { warn: (message) => this.warnings.push(message) },
        ...options,
      }),
    );
    return this.watch(connection);
  }

  /** Connects through a proxy of its own, in front of the shared broker or of `port`. */
  async connectThroughProxy(
    options: ConnectionOptions = {},
    port = sharedRabbit().port,
  ): Promise<{ connection: Connection; proxy: TcpProxy }> {
    const proxy = await this.proxy(port);
    return { proxy, connection: await this.connect({ urls: `amqp://127.0.0.1:${proxy.port}`, ...options }) };
  }

  /** Starts a proxy in front of the shared broker, or of `port`; it is closed after the connections. */
  async proxy(port = sharedRabbit().port): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(port);
    this.cleanup(() => proxy.close());
    return proxy;
  }

  /** Starts a scripted server; the test fails when the script does. */
  async server(script: (peer: Peer, index: number) => unknown): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(script);
    this.cleanup(async () => {
      await server.close();
      expect(server.failures).toEqual([]);
    });
    return server;
  }

  /** Returns a unique name. A queue or exchange of this name is deleted on the shared broker after the test. */
  name(what = 'q'): string {
    const name = `test.${what}.${randomUUID().slice(0, 13)}`;
    this.#names.push(name);
    return name;
  }

  /** Runs a task after the connections were closed, the last one first. */
  cleanup(task: () => unknown): void {
    this.#cleanups.push(task);
  }

  /** Watches every promise of the connection and its channels, and closes the connection after the test. */
  watch(connection: Connection): Connection {
    this.#connections.push(connection);
    this.#track('Connection.closed', connection.closed);
    this.#wrapMethods(connection, 'Connection', (result) => {
      if (typeof (result as Channel | undefined)?.basicConsume !== 'function') return;
      const channel = result as Channel;
      this.#track(`Channel ${channel.id}.closed`, channel.closed);
      this.#wrapMethods(channel, `Channel ${channel.id}`);
    });
    return connection;
  }

  /** Watches a promise that has to settle before the test ends. */
  tracked<T>(what: string, promise: Promise<T>): Promise<T> {
    this.#track(what, promise);
    return promise;
  }

  /** @internal */
  begin(): void {
    this.clock = new TrackedClock();
    this.warnings = [];
    this.#connections = [];
    this.#cleanups = [];
    this.#pending = new Map();
    this.#names = [];
    this.#unhandled = [];
    this.#sockets = openSockets();
    process.on('unhandledRejection', this.#onUnhandled);
  }

  /** @internal */
  async end(): Promise<void> {
    try {
      await Promise.all(this.#connections.map((connection) => connection.close({ timeout: 2_000 })));
      for (const cleanup of this.#cleanups.reverse()) await cleanup();
      await this.#deleteEntities();
      const leaks = (): string[] => [
        ...[...this.#pending.values()].map((what) => `pending promise: ${what}`),
        ...[...this.clock.running].map((timer) => `running ${timer}`),
        ...(openSockets() > this.#sockets ? [`${openSockets() - this.#sockets} sockets`] : []),
      ];
      // The operating system takes a moment to close sockets; promises settle in a turn of their own.
      const deadline = Date.now() + 2_000;
      while (leaks().length > 0 && Date.now() < deadline) await delay(10);
      expect(leaks()).toEqual([]);
      expect(this.#unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', this.#onUnhandled);
    }
  }

  readonly #onUnhandled = (reason: unknown): void => void this.#unhandled.push(reason);

  #track(what: string, promise: Promise<unknown>): void {
    const settled = (): void => void this.#pending.delete(promise);
    this.#pending.set(promise, what);
    promise.then(settled, settled);
  }

  /** Watches the promises of all methods of the instance, internal ones included. */
  #wrapMethods(target: object, what: string, onResult?: (result: unknown) => void): void {
    const wrapped = target as Record<string, unknown>;
    for (let type = Object.getPrototypeOf(target) as object; ; type = Object.getPrototypeOf(type) as object) {
      if (type === null || type.constructor.name === 'SafeEmitter') return;
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
        if (typeof value !== 'function' || name === 'constructor' || Object.hasOwn(target, name)) continue;
        wrapped[name] = (...args: unknown[]): unknown => {
          const result = (value as (...args: unknown[]) => unknown).apply(target, args);
          if (!(result instanceof Promise)) return result;
          this.#track(
            `${what}.${name}(${args.map((arg) => (typeof arg === 'string' ? arg : typeof arg)).join()})`,
            result,
          );
          // Runs before the caller continues, so that the result is watched from the start.
          if (onResult) result.then(onResult, () => undefined);
          return result;
        };
      }
    }
  }

  async #deleteEntities(): Promise<void> {
    if (this.#names.length === 0) return;
    const connection = await connect({ urls: sharedRabbit().url, reconnect: false });
    try {
      const channel = await connection.openChannel({ restore: false });
      for (const name of this.#names) {
        await channel.queueDelete(name);
        await channel.exchangeDelete(name);
      }
    } finally {
      await connection.close();
    }
  }
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap' || type === 'TLSWrap').length;
}

/** Creates the harness of a spec file; called at its top, outside or inside a `describe`. */
export function useClientHarness(): ClientHarness {
  const harness = new ClientHarness();
  beforeEach(() => harness.begin());
  afterEach(() => harness.end());
  return harness;
}

/** Resolves with the arguments of the next such event. @throws Error when none occurs in time */
export function eventOf<T extends unknown[] = unknown[]>(
  emitter: Pick<EventEmitter, 'once' | 'off'>,
  event: string,
  timeout = PATIENCE,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const listener = (...args: unknown[]): void => {
      clearTimeout(timer);
      resolve(args as T);
    };
    const timer = setTimeout(() => {
      emitter.off(event, listener);
      reject(new Error(`no '${event}' event within ${timeout} ms`));
    }, timeout);
    emitter.once(event, listener);
  });
}

/** Resolves with the reason of a rejection. @throws Error when the promise resolves, or stays pending */
export async function errorOf<E = Error & Record<string, unknown>>(
  promise: Promise<unknown>,
  timeout = PATIENCE,
): Promise<E> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`neither resolved nor rejected within ${timeout} ms`)), timeout);
  });
  try {
    const value = await Promise.race([
      promise.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
      late,
    ]);
    if ('error' in value) return value.error as E;
    throw new Error(`it resolved, with ${JSON.stringify(value.value)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until `look` returns a truthy value, for states without an event on the broker or in another process. */
export async function eventually<T>(look: () => T | Promise<T>, timeout = PATIENCE): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const seen = await look();
    if (seen) return seen as NonNullable<T>;
    if (Date.now() > deadline) throw new Error(`not so after ${timeout} ms: ${look}`);
    await delay(15);
  }
}
