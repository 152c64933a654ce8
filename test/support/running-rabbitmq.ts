import type { Program } from './guardian-client.js';
import type { BrokerSource } from './rabbitmq-options.js';

/** A running RabbitMQ for tests or development. */
export interface RabbitMq extends AsyncDisposable {
  /** The source of the broker; `local` also for a broker that was installed for this run. */
  readonly source: Exclude<BrokerSource, 'install'>;
  /** A description for people, such as "a private RabbitMQ". */
  readonly description: string;
  /** The URL without user and password. These are guest and guest, except for the broker of `AMQP_URL`. */
  readonly url: string;
  readonly port: number;
  /** Folder of data, logs and configuration; undefined for a broker that is not on this machine. */
  readonly folder: string | undefined;
  /** The command behind `ctl`, to be handed to another process. */
  readonly ctlProgram: Program | undefined;
  /** Runs rabbitmqctl on the node and returns its output without banner. Takes about a second. */
  ctl(...args: string[]): Promise<string>;
  /**
   * Writes to disk what the broker has been told to declare, so that it survives a `kill()`. RabbitMQ answers a declaration
   * before it is on disk. Messages do not need this: their confirms wait for the disk.
   */
  flush(): Promise<void>;
  /**
   * Kills the broker without warning (SIGKILL); resolves when its process has ended. The port and the data stay for `start()`;
   * recent declarations stay if `flush()` has made them durable.
   */
  kill(): Promise<void>;
  /** Starts the same node again after `kill()`, on the same port and data. Resolves when it answers. */
  start(): Promise<void>;
  /** Shuts the node down in order and starts it again. */
  restart(): Promise<void>;
  /** Shuts the node down in order and removes its files. May be called repeatedly, and after `kill()`. */
  stop(): Promise<void>;
  /** Kills a process group when this process is killed. */
  adopt(group: number): Promise<void>;
  release(group: number): Promise<void>;
}
