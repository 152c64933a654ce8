import { setTimeout as delay } from 'node:timers/promises';
import { answersAmqp } from '../support/amqp-probe.js';
import type { RabbitMq } from '../support/running-rabbitmq.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** ms between two looks whether a node is back. */
const PROBE = 50;

/** A way to take the broker away from its clients, and to give it back. */
export interface Outage extends AsyncDisposable {
  /** For the table. */
  readonly kind: string;
  /** Where the clients connect. */
  readonly url: string;
  /** Takes the broker away for so many ms, or as little longer as possible. Resolves as soon as it is back. */
  last(length: number): Promise<Return>;
}

export interface Return {
  /** ms that the broker was away. */
  readonly length: number;
  /** ms, on the clock of `performance.now()`: a client that connects from now on reaches the broker. */
  readonly at: number;
  /** Resolves once the next outage may begin. */
  readonly ready: Promise<void>;
}

/**
 * The clients' connections are reset, and the kernel refuses new ones: what a client sees of a node that ends and is
 * started again. The node itself keeps running, so the outage is as short as wanted.
 */
export async function closedPort({ port }: RabbitMq): Promise<Outage> {
  const proxy = await TcpProxy.start(port);
  return {
    kind: 'port closed',
    url: `amqp://127.0.0.1:${proxy.port}`,
    async last(length) {
      const began = performance.now();
      proxy.refuse();
      proxy.cut();
      await delay(length);
      await proxy.accept();
      const at = performance.now();
      return { length: at - began, at, ready: Promise.resolve() };
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}

/** The node is killed (SIGKILL) and started again. Its start is a part of the outage, which may last longer for it. */
export function killedNode(rabbit: RabbitMq): Outage {
  /** How long the node takes to start, ms. */
  let boot = 5_000;
  return {
    kind: 'node killed',
    url: rabbit.url,
    async last(length) {
      const began = performance.now();
      await rabbit.kill();
      await delay(Math.max(0, length - boot));
      const started = performance.now();
      const ready = rabbit.start();
      while (!(await answersAmqp(rabbit.port))) await delay(PROBE);
      const at = performance.now();
      boot = at - started;
      return { length: at - began, at, ready };
    },
    async [Symbol.asyncDispose]() {},
  };
}
