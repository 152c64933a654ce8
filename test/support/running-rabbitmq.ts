import type { Program } from './guardian-client.js';
import type { BrokerSource } from './rabbitmq-options.js';

/** A running RabbitMQ for tests or development. */
export interface RabbitMq extends AsyncDisposable {
  /** Where it came from; `local` also when it was installed for this. */
  readonly source: Exclude<BrokerSource, 'install'>;
  /** For people: "a private RabbitMQ". */
  readonly description: string;
  /** Without user and password, which are guest and guest, unless it is that of `AMQP_URL`. */
  readonly url: string;
  readonly port: number;
  /** Data, logs and configuration; undefined when it is not on this machine. */
  readonly folder: string | undefined;
  /** How `ctl` runs, for handing it to another process. */
  readonly ctlProgram: Program | undefined;
  /** Runs rabbitmqctl on the node and returns what it prints, without banner. Takes about a second. */
  ctl(...args: string[]): Promise<string>;
  /**
   * Writes to disk what the broker has been told to declare, so that a `kill()` finds it there afterwards. RabbitMQ
   * answers a declaration before it has done so. Messages need none of this: their confirms wait for the disk.
   */
  flush(): Promise<void>;
  /**
   * Kills the broker without any warning (SIGKILL); resolves when it is gone. Port and data stay for `start()`, and of
   * what was declared just now, what `flush()` has made durable.
   */
  kill(): Promise<void>;
  /** After `kill()`: the same node again, on the same port and data. Resolves when it answers. */
  start(): Promise<void>;
  /** Shuts down in order and starts again. */
  restart(): Promise<void>;
  /** Shuts down in order and removes everything. May be called again, and after `kill()`. */
  stop(): Promise<void>;
  /** Ties the life of a process group to this process's: should we be killed, it is killed too. */
  adopt(group: number): Promise<void>;
  release(group: number): Promise<void>;
}
