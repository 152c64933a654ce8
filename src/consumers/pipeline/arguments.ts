import { isThenable } from '../../common/thenable.js';

/** The source of one argument of a handler, in Nest's form. */
export interface Param {
  readonly index: number;
  readonly pipes: readonly unknown[];
  extractValue(...given: unknown[]): unknown;
}

/** Sets the arguments. Returns a promise if there is something to await. */
export type PipesFn = (args: unknown[], ...given: unknown[]) => Promise<unknown> | undefined;

/** Returns true if an argument passes a pipe. @param pipes the pipes of all arguments */
export function hasPipes(pipes: readonly unknown[], params: readonly Param[]): boolean {
  return pipes.length > 0 || params.some((param) => param.pipes.length > 0);
}

/**
 * Returns the step that sets the arguments of a handler without pipes. Nest's own step awaits each argument, which creates six
 * promises for each of them. This one awaits only what a custom decorator promises.
 */
export function withoutPipes(params: readonly Param[]): PipesFn {
  return (args, ...given) => {
    let pending: Promise<unknown>[] | undefined;
    for (const { index, extractValue } of params) {
      try {
        const value = extractValue(...given);
        if (isThenable(value)) (pending ??= []).push(Promise.resolve(value).then((kept) => (args[index] = kept)));
        else args[index] = value;
      } catch (error) {
        (pending ??= []).push(Promise.reject(error));
      }
    }
    return pending && Promise.all(pending);
  };
}
