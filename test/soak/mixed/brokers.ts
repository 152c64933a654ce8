import { EmbeddedBroker } from '../../../lib/broker/index.js';
import { startRabbitMq } from '../../support/rabbitmq.js';

/** A broker that can be killed and blocked. */
export interface MixedBroker extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** Makes all declarations so far survive a kill. */
  flush(): Promise<void>;
  /** Kills the broker, and starts it again with its durable state. */
  kill(): Promise<void>;
  /** Makes the broker accept no publishes. */
  block(): Promise<void>;
  unblock(): Promise<void>;
}

/** Starts a private RabbitMQ, which is killed by SIGKILL and blocked by its memory alarm. */
export async function realBroker(): Promise<MixedBroker> {
  // A slow start of the broker is not a failure of the application.
  const rabbit = await startRabbitMq({ source: 'local', startTimeout: 400_000 });
  return {
    name: 'RabbitMQ',
    url: rabbit.url,
    port: rabbit.port,
    flush: () => rabbit.flush(),
    async kill() {
      await rabbit.kill();
      await rabbit.start();
    },
    block: async () => void (await rabbit.ctl('set_vm_memory_high_watermark', '0.0001')),
    unblock: async () => void (await rabbit.ctl('set_vm_memory_high_watermark', '0.4')),
    [Symbol.asyncDispose]: () => rabbit.stop(),
  };
}

/** Starts an embedded broker in this process. */
export async function embeddedBroker(): Promise<MixedBroker> {
  const broker = await EmbeddedBroker.start({ port: 0, journalSize: 0 });
  return {
    name: 'embedded broker',
    url: broker.url,
    port: broker.port,
    flush: async () => {},
    kill: async () => broker.restart({ keep: 'durable', how: 'reset' }),
    block: async () => void broker.faults.block('by this test'),
    unblock: async () => void broker.faults.unblock(),
    [Symbol.asyncDispose]: () => broker.close(),
  };
}
