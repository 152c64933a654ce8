import type { ExternalContextCreator } from '@nestjs/core';
import { isRefusal } from '../../settlement/refusal.js';
import { hasPipes, withoutPipes, type Param, type PipesFn } from './arguments.js';
import type { HandlerSteps } from './direct-call.js';

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
type Create<F> = (...args: unknown[]) => F | null;
type Method = (...args: unknown[]) => unknown;

/**
 * Property descriptors for an `ExternalContextCreator` that record which messages guards and pipes refuse. The error
 * alone does not tell: a handler may throw a `BadRequestException`, too, and an exception filter may replace the error.
 * See decision 9.
 *
 * @param steps gets guards and pipes of each handler
 */
export function notingRefusals(contexts: ExternalContextCreator, steps: HandlerSteps): PropertyDescriptorMap {
  const { createGuardsFn, createPipesFn } = contexts as unknown as {
    readonly createGuardsFn: Create<GuardsFn>;
    readonly createPipesFn: Create<PipesFn>;
  };
  return {
    createGuardsFn: {
      value(guards: readonly unknown[], instance: object, method: Method, ...how: unknown[]): GuardsFn | null {
        steps.foundGuards(guards, instance, method);
        const ask = createGuardsFn.call(this, guards, instance, method, ...how);
        return ask && ((args) => ask(args).catch((error: unknown) => note(args[1], error)));
      },
    },
    createPipesFn: {
      value(pipes: readonly unknown[], params: readonly Param[]): PipesFn | null {
        const transform = createPipesFn.call(this, pipes, params);
        const piped = hasPipes(pipes, params);
        const fill = transform && (piped ? transform : withoutPipes(params));
        const supply: PipesFn | null =
          fill && ((args, ...given) => fill(args, ...given)?.catch((error: unknown) => note(given[1], error)));
        steps.foundPipes(piped, supply ?? undefined, Math.max(0, ...params.map(({ index }) => index + 1)));
        return supply;
      },
    },
  };
}

function note(context: unknown, error: unknown): never {
  if (typeof context === 'object' && context !== null && isRefusal(error)) markRefused(context);
  throw error;
}
