import type { ExternalContextCreator } from '@nestjs/core';
import { isThenable } from '../../common/thenable.js';
import { isRefusal } from '../../settlement/refusal.js';

/** The contexts of messages that a guard or a pipe has refused. */
const refused = new WeakSet<object>();

/** Returns true if a guard or a pipe has refused the message of this context and would refuse it again. */
export function wasRefused(context: object): boolean {
  return refused.has(context);
}

/** Records that the message of this context is refused, and would be refused again. */
export function markRefused(context: object): void {
  refused.add(context);
}

type GuardsFn = (args: readonly unknown[]) => Promise<void>;
type PipesFn = (args: unknown[], ...given: unknown[]) => Promise<unknown> | undefined;
type Create<F> = (...args: unknown[]) => F | null;

/** The source of one argument, in Nest's form. */
interface Param {
  readonly index: number;
  readonly pipes: readonly unknown[];
  extractValue(...params: unknown[]): unknown;
}

/**
 * Property descriptors for an `ExternalContextCreator` that record which messages guards and pipes refuse. The error
 * alone does not tell: a handler may throw a `BadRequestException`, too, and an exception filter may replace the error.
 * See decision 9.
 */
export function notingRefusals(contexts: ExternalContextCreator): PropertyDescriptorMap {
  const { createGuardsFn, createPipesFn } = contexts as unknown as {
    readonly createGuardsFn: Create<GuardsFn>;
    readonly createPipesFn: Create<PipesFn>;
  };
  return {
    createGuardsFn: {
      value(...how: unknown[]): GuardsFn | null {
        const ask = createGuardsFn.apply(this, how);
        return ask && ((args) => ask(args).catch((error: unknown) => note(args[1], error)));
      },
    },
    createPipesFn: {
      value(pipes: readonly unknown[], params: readonly Param[]): PipesFn | null {
        const transform = createPipesFn.call(this, pipes, params);
        if (!transform) return null;
        const piped = pipes.length > 0 || params.some((param) => param.pipes.length > 0);
        const supply = piped ? transform : withoutPipes(params);
        return (args, ...given) => supply(args, ...given)?.catch((error: unknown) => note(given[1], error));
      },
    },
  };
}

/**
 * Sets the arguments, and awaits those that a custom decorator promises. Returns undefined if there is nothing to
 * await.
 */
function withoutPipes(params: readonly Param[]): PipesFn {
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

function note(context: unknown, error: unknown): never {
  if (typeof context === 'object' && context !== null && isRefusal(error)) markRefused(context);
  throw error;
}
