/** `npx nest-amqp broker`: the embedded broker as a program of its own, for clients in any language. */
import { EmbeddedBroker } from '../../lib/broker/index.js';
import { systemClock } from '../../lib/environment/index.js';
import { PRODUCT_VERSION } from '../../lib/protocol/product.js';
import { parseArguments, USAGE } from './arguments.js';

/** Exit code for a command line that makes no sense, by the convention of shells. */
const EXIT_USAGE = 2;

/** @param args the command line, `broker` included */
export async function broker(args: readonly string[]): Promise<void> {
  let options;
  try {
    options = parseArguments(args);
  } catch (error) {
    process.stderr.write(`nest-amqp: ${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  if (options === 'help') return void process.stdout.write(USAGE);
  if (options === 'version') return void process.stdout.write(`${PRODUCT_VERSION}\n`);
  const log = (line: string): void =>
    void process.stdout.write(`${new Date(systemClock.wallTime()).toISOString()} ${line}\n`);
  // The journal is for tests in the same process. No test can read the journal of this one.
  const broker = await EmbeddedBroker.start({ ...options, journalSize: 0, log });
  log(`the embedded broker of nest-amqp listens on ${broker.url}`);
  log('it is for development only: it keeps everything in memory and loses it when it ends');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log(`${signal}: closing`);
      void broker.close();
    });
  }
}

/** Returns the text of the error that kept the broker from starting, with a way out where one is known. */
export function brokerFailure(error: NodeJS.ErrnoException & { port?: number; address?: string }): string {
  const taken = error.code === 'EADDRINUSE';
  const hint = 'stop what listens there, or choose another with --port (0 for one that is free)';
  const text = taken ? `port ${error.port} of ${error.address} is in use: ${hint}` : error.message;
  return `nest-amqp broker: ${text}\n`;
}
