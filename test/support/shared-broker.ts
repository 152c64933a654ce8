import type { Program } from './guardian-client.js';
import type { RabbitMq } from './rabbitmq.js';
import { runCtl } from './rabbitmq-ctl.js';

declare global {
  // Set by the project `embedded` in jest.config.js, for its tests only.
  var brokerOfThisProject: 'embedded' | undefined;
}

/** The broker that global-setup.ts started for the whole run, as a test in any worker sees it. */
export interface SharedRabbit {
  url: string;
  port: number;
  /** Runs rabbitmqctl on it. Rejects when the broker is that of `AMQP_URL`. */
  ctl(...args: string[]): Promise<string>;
}

/** Environment variables that carry it to Jest's workers, which inherit the environment of the main process. */
const URL_VARIABLE = 'TEST_AMQP_URL';
const EMBEDDED_VARIABLE = 'TEST_EMBEDDED_URL';
const CTL_VARIABLE = 'TEST_AMQP_CTL';

/** Called by global-setup.ts. */
export function publishShared(rabbit: RabbitMq): void {
  process.env[URL_VARIABLE] = rabbit.url;
  if (!rabbit.ctlProgram) return;
  // The rest of the environment comes with the worker's own.
  const own = Object.entries(rabbit.ctlProgram.env).filter(([name, value]) => process.env[name] !== value);
  process.env[CTL_VARIABLE] = JSON.stringify({ ...rabbit.ctlProgram, env: Object.fromEntries(own) });
}

/** Whether the shared broker of these tests is the embedded one; else it is RabbitMQ. */
export function runsEmbedded(): boolean {
  return globalThis.brokerOfThisProject === 'embedded';
}

/**
 * The run's shared broker. Other tests use it at the same time: name entities uniquely and delete them. A test that
 * has to kill or restart a broker starts its own with `startRabbitMq()`.
 *
 * @throws Error when Jest runs without global-setup.ts.
 */
export function sharedRabbit(): SharedRabbit {
  const variable = runsEmbedded() ? EMBEDDED_VARIABLE : URL_VARIABLE;
  const url = process.env[variable];
  if (!url) throw new Error(`${variable} is not set: Jest has to run with the globalSetup of its project`);
  const ctl = runsEmbedded() ? undefined : process.env[CTL_VARIABLE];
  return {
    url,
    port: Number(new URL(url).port || 5672),
    ctl: async (...args) => {
      if (runsEmbedded()) throw new Error('there is no rabbitmqctl for the embedded broker');
      if (!ctl) throw new Error('cannot run rabbitmqctl on the broker of AMQP_URL: unset it to get a private RabbitMQ');
      const program = JSON.parse(ctl) as Program;
      return runCtl({ ...program, env: { ...process.env, ...program.env } }, ...args);
    },
  };
}
