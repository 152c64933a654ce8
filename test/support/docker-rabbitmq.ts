import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import type { StartedRabbitMQContainer } from '@testcontainers/rabbitmq';
import { answersAmqp } from './amqp-probe.js';
import { freePort } from './free-port.js';
import type { Program } from './guardian-client.js';
import { FLUSH, runCtl } from './rabbitmq-ctl.js';
import { configLines, DEFAULT_START_TIMEOUT, type RabbitMqOptions } from './rabbitmq-options.js';
import type { RabbitMq } from './running-rabbitmq.js';

const IMAGE = 'rabbitmq:4';
const run = promisify(execFile);

/** Returns whether a Docker engine answers the docker client within three seconds. */
export async function hasDocker(): Promise<boolean> {
  try {
    const { stdout } = await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 3_000 });
    return stdout.trim() !== '';
  } catch {
    return false;
  }
}

/**
 * A RabbitMQ in a container. Testcontainers' reaper removes the container when its owner dies. See `RabbitMq` for the methods.
 */
export class DockerRabbitMq implements RabbitMq {
  readonly source = 'docker';
  readonly description = `a private RabbitMQ (Docker, ${IMAGE})`;
  readonly folder = undefined;
  readonly url: string;
  readonly ctlProgram: Program;
  #stopped: Promise<unknown> | undefined;

  private constructor(
    private readonly container: StartedRabbitMQContainer,
    readonly port: number,
    private readonly startTimeout: number,
  ) {
    this.url = `amqp://127.0.0.1:${port}`;
    this.ctlProgram = { command: 'docker', args: ['exec', container.getId(), 'rabbitmqctl'], env: process.env };
  }

  static async create(options: RabbitMqOptions): Promise<DockerRabbitMq> {
    const { RabbitMQContainer } = await import('@testcontainers/rabbitmq');
    const timeout = options.startTimeout ?? DEFAULT_START_TIMEOUT;
    // The host port is fixed: a port that Docker chooses would change with every restart.
    const port = await freePort();
    const container = await new RabbitMQContainer(IMAGE)
      .withExposedPorts({ container: 5672, host: port })
      .withEnvironment(options.env ?? {})
      .withCopyContentToContainer([
        { content: `${configLines(options).join('\n')}\n`, target: '/etc/rabbitmq/conf.d/90-test.conf' },
        { content: `[${(options.plugins ?? []).join(',')}].\n`, target: '/etc/rabbitmq/enabled_plugins' },
      ])
      .withStartupTimeout(timeout)
      .start();
    const rabbit = new DockerRabbitMq(container, port, timeout);
    await rabbit.#ready();
    return rabbit;
  }

  ctl(...args: string[]): Promise<string> {
    return runCtl(this.ctlProgram, ...args);
  }

  async flush(): Promise<void> {
    await this.ctl('eval', FLUSH);
  }

  async kill(): Promise<void> {
    await run('docker', ['kill', this.container.getId()]);
  }

  async start(): Promise<void> {
    await run('docker', ['start', this.container.getId()]);
    await this.#ready();
  }

  async restart(): Promise<void> {
    await run('docker', ['restart', this.container.getId()]);
    await this.#ready();
  }

  async stop(): Promise<void> {
    await (this.#stopped ??= this.container.stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async adopt(): Promise<void> {}
  async release(): Promise<void> {}

  async #ready(): Promise<void> {
    const deadline = Date.now() + this.startTimeout;
    while (!(await answersAmqp(this.port))) {
      if (Date.now() > deadline) throw new Error(`RabbitMQ in Docker: not up after ${this.startTimeout} ms`);
      await delay(100);
    }
  }
}
