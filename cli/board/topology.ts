import type { Type } from '@nestjs/common';
import { moduleFile, moduleOf } from '../module-class.js';
import { UsageError } from '../usage-error.js';
import { BROKER_USAGE, brokerCommand } from './broker-command.js';

export const USAGE = `usage: nest-amqp topology diff MODULE [URL] [--connection NAME] [--management URL] [--json]

Compares the exchanges and queues that an application declares with those of a broker, prints what differs, and ends with 1 if
anything does. The providers of the application are created, but it does not start. Each entity is looked for by a passive
declare; one that exists is then declared as the application does it, which changes nothing and fails if it differs. Bindings are
compared with --management only: AMQP has no question for them. Queues that exist only while an instance runs are left out.

${BROKER_USAGE}  MODULE              the compiled file of the root module, such as dist/app.module.js. If it exports several modules, name one:
                      dist/app.module.js#AppModule
  --connection NAME   the connection of the application. Default: the one without a name
  --management URL    RabbitMQ's management API, such as http://user:password@host:15672, to compare bindings, too
`;

/** `npx nest-amqp topology diff …`. @returns the exit code: 1 if anything differs @throws UsageError, AmqpError, the errors of the application */
export async function topology(args: readonly string[], print: (text: string) => void): Promise<0 | 1> {
  const given = brokerCommand(args, USAGE, {
    connection: { type: 'string' },
    management: { type: 'string' },
  });
  if (given === 'help') {
    print(USAGE);
    return 0;
  }
  const [what, module, ...more] = given.positionals;
  if (what !== 'diff') throw new UsageError(`write topology diff`, USAGE);
  if (module === undefined) throw new UsageError('MODULE is missing', USAGE);
  if (more.length > 0) throw new UsageError(`unexpected argument '${more[0]}'`, USAGE);
  const root = await moduleOf(moduleFile(module, USAGE), USAGE);
  const { json, plain, quiet, topologyDiff } = await import('../../src/board/command-line.js');
  quiet();
  const diff = await topologyDiff(root as Type, given.url, given.values);
  const { differences, compared, skipped } = diff;
  if (given.json) print(json(diff));
  else {
    for (const { kind, name, difference, reason } of differences) {
      print(
        `${difference}: ${kind} ${plain(name)}${difference === 'missing' || difference === 'extra' ? '' : `: ${plain(reason, 400)}`}\n`,
      );
    }
    const left = skipped.length === 0 ? '' : `, ${skipped.length} left out`;
    print(
      `${compared} compared, ${differences.length} differ${left}${diff.bindings ? '' : '; bindings are not compared'}\n`,
    );
  }
  return differences.length === 0 ? 0 : 1;
}
