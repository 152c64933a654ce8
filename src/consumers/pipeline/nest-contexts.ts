import type { ArgumentsHost } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { defaultIfEmpty, isObservable, lastValueFrom } from 'rxjs';
import { notingRefusals } from './refusals.js';

interface ExceptionsHandler {
  next(error: unknown, host: ArgumentsHost): unknown;
  invokeCustomFilters(error: unknown, host: ArgumentsHost): unknown;
}

interface ErrorProxy {
  createProxy(target: unknown, handler: ExceptionsHandler, type: string): unknown;
}

type Next = () => Promise<unknown>;

interface InterceptorsConsumer {
  intercept(
    interceptors: readonly unknown[],
    args: unknown,
    instance: unknown,
    callback: unknown,
    next: Next,
    type: unknown,
  ): unknown;
}

/** Not in Nest's types; see decision 5. */
interface Internals {
  readonly externalErrorProxy?: ErrorProxy;
  readonly interceptorsConsumer?: InterceptorsConsumer;
}

/**
 * Nest's `ExternalContextCreator`, told what it does not find out by itself (decision 5):
 *
 * - the module of the handler, where guards and pipes that are given as classes are looked for. It finds that module
 *   for providers only, and would leave out those of a controller without a word;
 * - that an error which no filter handles is not to be logged: it gets its line when the message is settled, with the
 *   message's name and what became of it;
 * - that a handler which answers with an Observable without a value has succeeded, and that the answer of a filter may be
 *   an Observable too;
 * - that we want to know whether it was a guard or a pipe that refused (decision 9);
 * - that what is not there need not be waited for: without interceptors and pipes its steps are as many promises for
 *   each message, which cost more than all the rest of the pipeline.
 */
export function nestContexts(contexts: ExternalContextCreator, moduleKey: string): ExternalContextCreator {
  const { externalErrorProxy: proxy, interceptorsConsumer: interceptors } = contexts as unknown as Internals;
  return Object.create(contexts, {
    getContextModuleKey: { value: () => moduleKey },
    transformToResult: { value: lastValue },
    ...notingRefusals(contexts),
    ...(interceptors && { interceptorsConsumer: { value: onlyWhereThereAre(interceptors) } }),
    ...(proxy && { externalErrorProxy: { value: withoutLog(proxy) } }),
  }) as ExternalContextCreator;
}

function withoutLog(proxy: ErrorProxy): ErrorProxy {
  return {
    createProxy(target, handler, type) {
      const quiet = Object.create(handler, {
        next: {
          value: (error: unknown, host: ArgumentsHost): unknown => {
            const answer = handler.invokeCustomFilters(error, host);
            // "Not handled" is undefined in Nest 12 and null in Nest 11.
            if (answer === undefined || answer === null) throw error;
            // By custom a `throwError()` that nobody has subscribed to.
            return lastValue(answer);
          },
        },
      }) as ExceptionsHandler;
      return proxy.createProxy(target, quiet, type);
    },
  };
}

function onlyWhereThereAre(consumer: InterceptorsConsumer): InterceptorsConsumer {
  return {
    intercept(interceptors, args, instance, callback, next, type) {
      if (interceptors.length === 0) return next();
      const tolerant: Next = async () => {
        const result = await next();
        // Interceptors see that it has succeeded, too.
        return isObservable(result) ? result.pipe(defaultIfEmpty(undefined)) : result;
      };
      return consumer.intercept(interceptors, args, instance, callback, tolerant, type);
    },
  };
}

/** Nest takes the last value of an Observable, and fails when there is none. */
function lastValue(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}
