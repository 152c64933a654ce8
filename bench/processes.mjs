import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Starts one of the benchmark's modules in a process of its own.
 *
 * @param {string} module path relative to this folder
 * @param {unknown} argument the module's only argument, as JSON
 * @param {readonly string[]} [nodeOptions]
 */
export function start(module, argument, nodeOptions = []) {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const child = fork(path, [JSON.stringify(argument)], { execArgv: [...nodeOptions] });
  return {
    /** Resolves with the first message. @throws Error when the process ends without one, or takes longer than `timeout` ms */
    message: (timeout) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          child.kill('SIGKILL');
          reject(new Error(`${module} took longer than ${timeout} ms`));
        }, timeout);
        child.once('message', (message) => {
          clearTimeout(timer);
          resolve(message);
        });
        child.once('exit', (code) => {
          clearTimeout(timer);
          reject(new Error(`${module} ended with code ${code}`));
        });
      }),
    /** Resolves when the process has ended by itself. */
    ended: () => new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined))),
    stop() {
      child.kill('SIGKILL');
    },
  };
}
