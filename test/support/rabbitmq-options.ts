/** The source of a broker for tests. */
export type BrokerSource = 'amqp-url' | 'local' | 'docker' | 'install';

export interface RabbitMqOptions {
  /** Plugins to enable, such as `rabbitmq_stream`. Default: none, since each plugin adds to the start-up time. */
  plugins?: string[];
  /**
   * Additional lines of rabbitmq.conf, as text or as a record of keys and values. A plugin that listens needs its listener
   * here, on 127.0.0.1 and a `freePort()`.
   */
  config?: string[] | Record<string, string | number | boolean>;
  /** Additional environment variables of the node and of rabbitmqctl (`RABBITMQ_*`, `ERL_*`). */
  env?: Record<string, string>;
  /** Takes this source and no other. Default: the first source that works, in the order of `BrokerSource`. */
  source?: BrokerSource;
  /**
   * Milliseconds within which the broker has to answer. Default 150,000: a start takes 10 s of processor time, and other
   * processes may keep the machine busy.
   */
  startTimeout?: number;
}

export const DEFAULT_START_TIMEOUT = 150_000;

export function configLines({ config }: RabbitMqOptions): string[] {
  if (!config) return [];
  return Array.isArray(config) ? config : Object.entries(config).map(([key, value]) => `${key} = ${value}`);
}
