import { UsageError } from '../usage-error.js';
import { BROKER_USAGE, brokerCommand, wholeNumber } from './broker-command.js';

export const USAGE = `usage: nest-amqp redrive [URL] QUEUE [--id ID]... [--group ID] [--rate NUMBER] [--json]

Sends parked messages back to their queue: all of them, or those that are named. Each is removed from the parked messages once the
broker has confirmed its copy. Ctrl+C stops it: messages that were not sent stay parked. Ends with 1 if a message could not be
sent, or was not found.

${BROKER_USAGE}  QUEUE               the queue that is consumed, without .parked
  --id ID             a message, by its message id or by the key in the JSON of nest-amqp parked; may be repeated
  --group ID          the messages of a group that nest-amqp parked lists
  --rate NUMBER       messages per second, at most
`;

/** `npx nest-amqp redrive …`. @returns the exit code @throws UsageError, AmqpError */
export async function redrive(args: readonly string[], print: (text: string) => void): Promise<0 | 1> {
  const given = brokerCommand(args, USAGE, {
    id: { type: 'string', multiple: true },
    group: { type: 'string' },
    rate: { type: 'string' },
  });
  if (given === 'help') {
    print(USAGE);
    return 0;
  }
  const { id: ids, group, rate: pace } = given.values;
  const [queue, ...more] = given.positionals;
  if (queue === undefined) throw new UsageError('QUEUE is missing', USAGE);
  if (more.length > 0) throw new UsageError(`unexpected argument '${more[0]}'`, USAGE);
  if (ids && group !== undefined) throw new UsageError('name either messages or a group', USAGE);
  const rate = wholeNumber('rate', pace, USAGE);
  const choice = ids
    ? ({ kind: 'messages', keys: ids } as const)
    : group === undefined
      ? ({ kind: 'all' } as const)
      : ({ kind: 'group', group } as const);
  const { json, quiet, Terminal } = await import('../../src/board/command-line.js');
  quiet();
  const terminal = new Terminal(given.url);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  try {
    const { state, redriven, kept, failed, reason } = await terminal.redrive(queue, choice, rate, stop.signal);
    const missing = ids && state === 'done' ? ids.length - redriven - failed : 0;
    if (given.json) print(json({ queue, state, redriven, kept, failed, missing, reason }));
    else {
      const parts = [
        `${redriven} sent to ${queue}`,
        `${failed} could not be sent`,
        ids && `${missing} not found`,
        reason,
      ];
      print(`${state}: ${parts.filter(Boolean).join(', ')}\n`);
    }
    return state === 'done' && failed === 0 && missing === 0 && !(group !== undefined && redriven === 0) ? 0 : 1;
  } finally {
    process.removeListener('SIGINT', onSignal);
    await terminal.close();
  }
}
