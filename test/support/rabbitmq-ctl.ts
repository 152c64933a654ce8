import { execFile } from 'node:child_process';
import type { Program } from './guardian-client.js';

/** Milliseconds for one rabbitmqctl; it takes about a second on an idle machine. */
const TIMEOUT = 60_000;

/**
 * Runs `rabbitmqctl` on one node and returns its standard output, without the banner ("Listing queues …").
 *
 * @throws Error with what rabbitmqctl printed, when it fails.
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
