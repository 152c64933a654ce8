#!/usr/bin/env node
/** `npx nest-amqp`. Each command is loaded when it is called. */
import { broker, brokerFailure } from './broker/command.js';
import { UsageError } from './usage-error.js';

/** Exit code for a command line that makes no sense, by the convention of shells. */
const EXIT_USAGE = 2;

async function run(args: readonly string[]): Promise<void> {
  switch (args[0]) {
    case 'migrate': {
      const { migrate } = await import('./migrate/command.js');
      await migrate(args.slice(1)).catch((error: Error) => fail('migrate', error));
      return;
    }
    case 'asyncapi': {
      const { asyncapi } = await import('./asyncapi/command.js');
      const print = (text: string): void => void process.stdout.write(text);
      process.exitCode = await asyncapi(args.slice(1), print).catch((error: Error) => fail('asyncapi', error));
      // Timers and sockets of the application's providers would keep the process alive.
      process.stdout.write('', () => process.exit());
      return;
    }
    case 'consumers':
    case 'parked':
    case 'redrive':
    case 'topology': {
      const print = (text: string): void => void process.stdout.write(text);
      process.exitCode = await operate(args[0], args.slice(1), print).catch((error: Error) => fail(args[0]!, error));
      // An application that was created to compare its topology may keep the process alive.
      process.stdout.write('', () => process.exit());
      return;
    }
    default:
      await broker(args).catch((error: Error) => {
        process.stderr.write(brokerFailure(error));
        process.exitCode = 1;
      });
  }
}

/** Runs a command for operators. @returns the exit code */
async function operate(
  command: 'consumers' | 'parked' | 'redrive' | 'topology',
  args: readonly string[],
  print: (text: string) => void,
): Promise<number> {
  switch (command) {
    case 'consumers':
      return (await import('./board/consumers.js')).consumers(args, print);
    case 'parked':
      return (await import('./board/parked.js')).parked(args, print);
    case 'redrive':
      return (await import('./board/redrive.js')).redrive(args, print);
    case 'topology':
      return (await import('./board/topology.js')).topology(args, print);
  }
}

/** @returns the exit code, which becomes that of the process */
function fail(command: string, error: Error): number {
  process.stderr.write(`nest-amqp ${command}: ${error.message}\n`);
  return (process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1);
}

await run(process.argv.slice(2));
