import { UsageError } from '../usage-error.js';
import { BROKER_USAGE, brokerCommand } from './broker-command.js';

export const USAGE = `usage: nest-amqp consumers [URL] --app NAME [--json]
       nest-amqp consumers [URL] QUEUE... [--json]

Shows the consumers of each running instance of an application, whose board has the option instances; log in as the user of the
application. For queues it shows what any client may know: the number of consumers, of ready and of parked messages.

${BROKER_USAGE}  --app NAME          the option instances of the application's board
`;

/** `npx nest-amqp consumers …`. @returns the exit code: 1 if nobody answers, or a queue is missing @throws UsageError, AmqpError */
export async function consumers(args: readonly string[], print: (text: string) => void): Promise<0 | 1> {
  const given = brokerCommand(args, USAGE, { app: { type: 'string' } });
  if (given === 'help') {
    print(USAGE);
    return 0;
  }
  const { app } = given.values;
  if ((given.positionals.length === 0) === (app === undefined)) {
    throw new UsageError('name either an application by --app, or queues', USAGE);
  }
  const { json, quiet, table, Terminal } = await import('../../src/board/command-line.js');
  quiet();
  const terminal = new Terminal(given.url);
  try {
    if (app === undefined) {
      const counted = await terminal.count(given.positionals);
      const rows = counted.map((one) => [one.queue, one.consumers, one.ready, one.parked]);
      print(given.json ? json(counted) : table(['QUEUE', 'CONSUMERS', 'READY', 'PARKED'], rows));
      return counted.every(({ ready }) => ready !== undefined) ? 0 : 1;
    }
    const answers = await terminal.instances(app);
    const rows = answers.flatMap(({ instance: { host, pid }, consumers: all }) =>
      all.map((one) => [
        `${host}/${pid}`,
        one.handler,
        one.queue,
        one.state,
        one.inFlight,
        one.prefetch === 0 ? '∞' : String(one.prefetch),
        one.handled,
        one.failed,
      ]),
    );
    const titles = ['INSTANCE', 'HANDLER', 'QUEUE', 'STATE', 'IN FLIGHT', 'PREFETCH', 'HANDLED', 'FAILED'];
    print(
      given.json
        ? json(answers.map(({ instance, consumers: all }) => ({ instance, consumers: all })))
        : table(titles, rows),
    );
    return answers.length > 0 ? 0 : 1;
  } finally {
    await terminal.close();
  }
}
