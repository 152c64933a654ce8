import type { Program } from './guardian-client.js';
import type { RabbitMq } from './rabbitmq.js';
import { runCtl } from './rabbitmq-ctl.js';

declare global {
  // Set by the project `embedded` in jest.config.js, for its tests only.
  var brokerOfThisProject: 'embedded' | undefined;
}

/** The broker that global-setup.ts started for the whole run, as tests in any worker see it. */
export interface SharedRabbit {
  url: string;
  port: number;
  /** Runs rabbitmqctl on the broker. Rejects for the broker of `AMQP_URL`. */
  ctl(...args: string[]): Promise<string>;
}

/** Environment variables that carry the broker to Jest's workers, which inherit the environment of the main process. */
const URL_VARIABLE = 'TEST_AMQP_URL';
const EMBEDDED_VARIABLE = 'TEST_EMBEDDED_URL';
const CTL_VARIABLE = 'TEST_AMQP_CTL';

/** Stores the broker in environment variables. Called by global-setup.ts. */
export function publishShared(rabbit: RabbitMq): void {
  process.env[URL_VARIABLE] = rabbit.url;
  if (!rabbit.ctlProgram) return;
  // The worker inherits the other variables.
  const own = Object.entries(rabbit.ctlProgram.env).filter(([name, value]) => process.env[name] !== value);
  process.env[CTL_VARIABLE] = JSON.stringify({ ...rabbit.ctlProgram, env: Object.fromEntries(own) });
}

/** Returns whether the shared broker of these tests is the embedded broker; otherwise it is RabbitMQ. */
export function runsEmbedded(): boolean {
  return globalThis.brokerOfThisProject === 'embedded';
}

/**
 * Returns the shared broker of the run. Other tests use it at the same time: name entities uniquely and delete them. A test
 * that has to kill or restart a broker starts its own with `startRabbitMq()`.
 *
 * @throws Error when Jest runs without global-setup.ts
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
      if (runsEmbedded()) throw new Error('the embedded broker has no rabbitmqctl');
      if (!ctl) throw new Error('cannot run rabbitmqctl on the broker of AMQP_URL: unset it to get a private RabbitMQ');
      const program = JSON.parse(ctl) as Program;
      return runCtl({ ...program, env: { ...process.env, ...program.env } }, ...args);
    },
  };
}
