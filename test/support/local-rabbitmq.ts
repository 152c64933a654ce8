import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answersAmqp } from './amqp-probe.js';
import { Guardian } from './guardian-client.js';
import type { LocalInstallation } from './local-installation.js';
import { type NodeSettings, prepareNode } from './node-settings.js';
import { FLUSH, runCtl } from './rabbitmq-ctl.js';
import { DEFAULT_START_TIMEOUT, type RabbitMqOptions } from './rabbitmq-options.js';
import type { RabbitMq } from './running-rabbitmq.js';

/** Milliseconds that RabbitMQ gets to shut down in order before it is killed. */
const SHUTDOWN_GRACE = 15_000;

/** Characters of each log that an error quotes. Erlang prints the reason first, then pages of process state. */
const LOG_TAIL = 12_000;

/** A RabbitMQ node of this machine's installation, private to its owner. See `RabbitMq` for the methods. */
export class LocalRabbitMq implements RabbitMq {
  readonly source = 'local';
  readonly description = 'a private RabbitMQ';
  readonly url: string;
  readonly port: number;
  readonly ctlProgram;
  #stopped: Promise<void> | undefined;

  private constructor(
    /** Folder of the node's data, logs and configuration; `stop()` removes it. */
    readonly folder: string,
    private readonly guardian: Guardian,
    private readonly settings: NodeSettings,
    private readonly startTimeout: number,
  ) {
    this.port = settings.port;
    this.url = `amqp://127.0.0.1:${settings.port}`;
    this.ctlProgram = settings.ctl;
  }

  static async create(installation: LocalInstallation, options: RabbitMqOptions): Promise<LocalRabbitMq> {
    const guardian = new Guardian();
    try {
      const folder = await guardian.request('folder', {});
      const settings = await prepareNode(folder, installation, options);
      const timeout = options.startTimeout ?? DEFAULT_START_TIMEOUT;
      const rabbit = new LocalRabbitMq(folder, guardian, settings, timeout);
      await rabbit.start();
      return rabbit;
    } catch (error) {
      await guardian.dismiss();
      throw error;
    }
  }

  async start(): Promise<void> {
    if (this.#stopped) throw new Error('this RabbitMQ was stopped and its folder removed: start a new one');
    const logStart = await sizeOf(this.settings.logFile);
    await this.guardian.request('start', { server: this.settings.server, epmd: this.settings.epmd });
    let exit: string | undefined;
    void this.guardian.serverExit.then((reason) => (exit = reason));
    const deadline = Date.now() + this.startTimeout;
    // RabbitMQ starts its listeners last, and logs "completed" once all of them are open.
    while (!((await answersAmqp(this.port)) && (await this.#saysItIsUp(logStart)))) {
      if (exit !== undefined) throw await this.#startFailure(`it ended during startup: ${exit}`);
      if (Date.now() > deadline) throw await this.#startFailure(`it did not answer within ${this.startTimeout} ms`);
      await delay(25);
    }
  }

  ctl(...args: string[]): Promise<string> {
    return runCtl(this.ctlProgram, ...args);
  }

  async flush(): Promise<void> {
    await this.ctl('eval', FLUSH);
  }

  async kill(): Promise<void> {
    await this.guardian.request('kill', {});
  }

  async restart(): Promise<void> {
    await this.guardian.request('terminate', { grace: SHUTDOWN_GRACE });
    await this.start();
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async adopt(group: number): Promise<void> {
    await this.guardian.request('adopt', { group });
  }

  async release(group: number): Promise<void> {
    await this.guardian.request('release', { group });
  }

  async #stop(): Promise<void> {
    // A guardian that has exited has cleaned up already.
    await this.guardian.request('terminate', { grace: SHUTDOWN_GRACE }).catch(() => undefined);
    await this.guardian.dismiss();
  }

  async #saysItIsUp(logStart: number): Promise<boolean> {
    const console = await textOf(join(this.folder, 'startup.log')); // written anew on every start
    const log = (await textOf(this.settings.logFile)).slice(logStart);
    return console.includes('completed with') || log.includes('Server startup complete');
  }

  async #startFailure(reason: string): Promise<Error> {
    const files = [join(this.folder, 'startup.log'), join(this.folder, 'epmd.log'), this.settings.logFile];
    const tails = await Promise.all(files.map(async (file) => `--- ${file}\n${(await textOf(file)).slice(-LOG_TAIL)}`));
    await this.guardian.request('kill', {}).catch(() => undefined);
    return new Error(`RabbitMQ on port ${this.port}: ${reason}\n${tails.join('\n')}`);
  }
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );
const textOf = (file: string): Promise<string> => readFile(file, 'latin1').catch(() => '');
