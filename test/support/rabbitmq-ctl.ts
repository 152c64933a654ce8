import { execFile } from 'node:child_process';
import type { Program } from './guardian-client.js';

/** Milliseconds that one rabbitmqctl may take. It takes about a second on an idle machine, and over a minute at a load of 30. */
const TIMEOUT = 180_000;

/**
 * Flushes what the node has accepted and not written to disk yet: mnesia's log (queues, exchanges, bindings, users; delayed
 * by up to two seconds in RabbitMQ 3.10) and the tables of ra (the quorum queues and their terms). A node with Khepri has no
 * such delay and no mnesia to flush.
 */
export const FLUSH =
  'case mnesia:system_info(is_running) of yes -> ok = mnesia:sync_log(); _ -> ok end, ' +
  '[ok = dets:sync(Table) || Table <- dets:all()], ok.';

/**
 * Runs `rabbitmqctl` on one node and returns its standard output, without the banner ("Listing queues …").
 *
 * @throws Error with the output of rabbitmqctl when it fails
 */
export function runCtl({ command, args, env }: Program, ...parameters: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: TIMEOUT, maxBuffer: 64 * 1024 * 1024 };
    execFile(command, [...args, '--quiet', ...parameters], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason = error.killed ? `no answer within ${TIMEOUT} ms` : `exit code ${error.code}`;
      reject(new Error(`rabbitmqctl ${parameters.join(' ')}: ${reason}\n${stderr}${stdout}`));
    });
  });
}
