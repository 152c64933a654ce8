#!/usr/bin/env node
/** `npx nest-amqp`. Each command is loaded when it is called. */
import { broker, brokerFailure } from './broker/command.js';

/** Exit code for a command line that makes no sense, by the convention of shells. */
const EXIT_USAGE = 2;

async function run(args: readonly string[]): Promise<void> {
  if (args[0] !== 'migrate') {
    await broker(args).catch((error: Error) => {
      process.stderr.write(brokerFailure(error));
      process.exitCode = 1;
    });
    return;
  }
  const { migrate, UsageError } = await import('./migrate/command.js');
  try {
    await migrate(args.slice(1));
  } catch (error) {
    process.stderr.write(`nest-amqp migrate: ${(error as Error).message}\n`);
    process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1;
  }
}

await run(process.argv.slice(2));
