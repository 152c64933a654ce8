import { answersAmqp } from './amqp-probe.js';
import type { RabbitMq } from './running-rabbitmq.js';

/** The broker that `AMQP_URL` names. The tests use it, but neither control nor stop it. */
export class ExternalRabbitMq implements RabbitMq {
  readonly source = 'amqp-url';
  readonly description = 'the broker of AMQP_URL';
  readonly folder = undefined;
  readonly ctlProgram = undefined;
  readonly port: number;

  private constructor(readonly url: string) {
    const { port, protocol } = new URL(url);
    this.port = port ? Number(port) : protocol === 'amqps:' ? 5671 : 5672;
  }

  /** @throws Error when no AMQP 0-9-1 server answers at the URL */
  static async create(url: string): Promise<ExternalRabbitMq> {
    const { hostname, protocol, host } = new URL(url);
    const rabbit = new ExternalRabbitMq(url);
    if (protocol === 'amqp:' && !(await answersAmqp(rabbit.port, hostname || '127.0.0.1', 5_000))) {
      throw new Error(`AMQP_URL is set, but no AMQP 0-9-1 broker answers at ${host}`);
    }
    return rabbit;
  }

  ctl = (): Promise<string> => this.#refuse('run rabbitmqctl on');
  flush = (): Promise<void> => this.#refuse('flush');
  kill = (): Promise<void> => this.#refuse('kill');
  start = (): Promise<void> => this.#refuse('start');
  restart = (): Promise<void> => this.#refuse('restart');

  async stop(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
  async adopt(): Promise<void> {}
  async release(): Promise<void> {}

  #refuse(what: string): Promise<never> {
    return Promise.reject(
      new Error(
        `cannot ${what} the broker of AMQP_URL: the tests did not start it. Unset AMQP_URL to get a private RabbitMQ.`,
      ),
    );
  }
}
