import type { ExternalContextCreator } from '@nestjs/core';

/** Of messages that a guard or a pipe has refused. Keyed by what the handler is called with: its context. */
const refused = new WeakSet<object>();

/** A guard or a pipe has refused the message of this context: it would refuse it again. */
export function wasRefused(context: object): boolean {
  return refused.has(context);
}

type GuardsFn = (args: readonly unknown[]) => Promise<void>;
type PipesFn = (args: unknown[], ...params: unknown[]) => Promise<void>;
type Create<F> = (...args: unknown[]) => F | null;

/**
 * Property descriptors over an `ExternalContextCreator` that note which messages guards and pipes refuse. From the
 * error alone it cannot be told: a handler may throw a `BadRequestException` of its own, and an exception filter may put
 * another error in its place. See decision 9.
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
        return ask && ((args) => noting(args[1], () => ask(args)));
      },
    },
    createPipesFn: {
      value(...how: unknown[]): PipesFn | null {
        const transform = createPipesFn.apply(this, how);
        return transform && ((args, ...params) => noting(params[1], () => transform(args, ...params)));
      },
    },
  };
}

async function noting(context: unknown, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (typeof context === 'object' && context !== null && isRefusal(error)) refused.add(context);
    throw error;
  }
}

/**
 * What says that the message is at fault: an HttpException of 4xx, or an RpcException. Anything else is a guard or pipe
 * that could not do its work, a database that is away, say; that may pass.
 */
export function isRefusal(error: unknown): boolean {
  const { getStatus, getError } = (error ?? {}) as { readonly getStatus?: unknown; readonly getError?: unknown };
  if (typeof getStatus !== 'function') return typeof getError === 'function';
  const status: unknown = getStatus.call(error);
  return typeof status === 'number' && status >= 400 && status < 500;
}
