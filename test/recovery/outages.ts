import { setTimeout as delay } from 'node:timers/promises';
import { answersAmqp } from '../support/amqp-probe.js';
import type { RabbitMq } from '../support/running-rabbitmq.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** Milliseconds between two probes of a node that starts. */
const PROBE = 50;

/** Takes the broker away from its clients, and gives it back. */
export interface Outage extends AsyncDisposable {
  /** The name in the table. */
  readonly kind: string;
  /** The URL for the clients. */
  readonly url: string;
  /** Takes the broker away for `length` ms, or as little longer as possible. Resolves as soon as the broker is back. */
  last(length: number): Promise<Return>;
}

export interface Return {
  /** Milliseconds that the broker was away. */
  readonly length: number;
  /** Time in ms, on the clock of `performance.now()`, from which a client that connects reaches the broker. */
  readonly at: number;
  /** Resolves once the next outage may begin. */
  readonly ready: Promise<void>;
}

/**
 * Makes outages by a closed port: the clients' connections are reset, and the kernel refuses new ones, as when a node ends and
 * starts again. The node keeps running, so the outage has exactly the wanted length.
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

/** Makes outages by SIGKILL of the node. Its start is part of the outage, which may therefore last longer. */
export function killedNode(rabbit: RabbitMq): Outage {
  /** Milliseconds that the node takes to start. */
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
