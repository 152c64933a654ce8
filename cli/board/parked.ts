import { UsageError } from '../usage-error.js';
import { BROKER_USAGE, brokerCommand, wholeNumber } from './broker-command.js';

export const USAGE = `usage: nest-amqp parked [URL] QUEUE [--search TEXT] [--group ID] [--limit NUMBER] [--json]
       nest-amqp parked [URL] --app NAME [--json]

Shows why messages of a queue are parked, in groups by their error, and the messages, the last failure first. It reads up to 10,000
messages and returns them: nothing is taken out of the queue. With --app it counts the parked messages of each queue that the
instances of an application consume.

${BROKER_USAGE}  QUEUE               the queue that is consumed, without .parked
  --search TEXT       only messages with this text in payload, id, routing key or error
  --group ID          only messages of this group
  --limit NUMBER      number of messages that are listed, to 200. Default 20
  --app NAME          the option instances of the application's board
`;

const MOST = 200;

/** `npx nest-amqp parked …`. @returns the exit code @throws UsageError, AmqpError */
export async function parked(args: readonly string[], print: (text: string) => void): Promise<0 | 1> {
  const given = brokerCommand(args, USAGE, {
    search: { type: 'string' },
    group: { type: 'string' },
    limit: { type: 'string' },
    app: { type: 'string' },
  });
  if (given === 'help') {
    print(USAGE);
    return 0;
  }
  const { values, positionals } = given;
  const [queue, ...more] = positionals;
  const limit = wholeNumber('limit', values.limit, USAGE) ?? 20;
  if (limit > MOST) throw new UsageError(`--limit must be at most ${MOST}`, USAGE);
  if (more.length > 0) throw new UsageError(`unexpected argument '${more[0]}'`, USAGE);
  if ((queue === undefined) === (values.app === undefined)) {
    throw new UsageError('name either a queue, or an application by --app', USAGE);
  }
  const { json, plain, quiet, table, Terminal } = await import('../../src/board/command-line.js');
  quiet();
  const terminal = new Terminal(given.url);
  try {
    if (queue === undefined) {
      const answers = await terminal.instances(values.app!);
      const queues = [
        ...new Set(answers.flatMap(({ consumers }) => consumers.map((consumer) => consumer.queue))),
      ].sort();
      const counted = await terminal.count(queues);
      const rows = counted.map((one) => [one.queue, one.ready, one.parked]);
      print(given.json ? json(counted) : table(['QUEUE', 'READY', 'PARKED'], rows));
      return 0;
    }
    const page = await terminal.parked(queue, { search: values.search ?? '', group: values.group, limit });
    if (given.json) {
      print(json(page));
      return 0;
    }
    const time = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
    const { total, seen, groups, count, messages, oldest } = page;
    print(
      `${total} parked, ${seen} looked at, ${count} fit${oldest === undefined ? '' : `, the first failure at ${time(oldest)}`}\n`,
    );
    const groupRows = groups.map((one) => [one.count, one.id, one.type, one.text, time(one.last)]);
    const rows = messages.map((one) => [
      one.messageId ?? one.key,
      one.attempts,
      time(one.failedAt),
      plain(one.reason ?? ''),
    ]);
    if (groups.length > 0) print(`\n${table(['COUNT', 'GROUP', 'ERROR', 'TEXT', 'LAST'], groupRows)}`);
    if (messages.length > 0) print(`\n${table(['ID', 'ATTEMPTS', 'FAILED', 'REASON'], rows)}`);
    return 0;
  } finally {
    await terminal.close();
  }
}
