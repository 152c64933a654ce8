import type { ArgumentsHost } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { defaultIfEmpty, isObservable, lastValueFrom } from 'rxjs';
import { directHandler, HandlerSteps } from './direct-call.js';
import { notingRefusals } from './refusals.js';

interface ExceptionsHandler {
  next(error: unknown, host: ArgumentsHost): unknown;
  invokeCustomFilters(error: unknown, host: ArgumentsHost): unknown;
}

interface ErrorProxy {
  createProxy(target: unknown, handler: ExceptionsHandler, type: string): (...given: readonly unknown[]) => unknown;
}

interface InterceptorsFinder {
  create(...where: unknown[]): readonly unknown[];
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

/** A method that Nest's types do not list; see decision 5. */
interface Internals {
  readonly externalErrorProxy?: ErrorProxy;
  readonly interceptorsConsumer?: InterceptorsConsumer;
  readonly interceptorsContextCreator?: InterceptorsFinder;
}

/**
 * Adapts Nest's `ExternalContextCreator` to consumers (decision 5):
 *
 * - It gets the module of the handler, where guards and pipes that are given as classes are found. Nest finds that
 *   module for providers only, and would silently omit those of a controller.
 * - It does not log an error that no filter handles. The error is logged when the message is settled, with the name and
 *   the settlement of the message.
 * - A handler that returns an empty Observable has succeeded, and a filter may return an Observable.
 * - It records whether a guard or a pipe has refused the message (decision 9).
 * - It skips the steps of interceptors and pipes that do not exist. Each step is a promise for each message, and
 *   together they cost more than the rest of the pipeline.
 * - A handler without guards, interceptors and pipes is called directly, within its exception filters: it returns its result
 *   without a promise, unless the result has to be awaited.
 */
export function nestContexts(contexts: ExternalContextCreator, moduleKey: string): ExternalContextCreator {
  const internals = contexts as unknown as Internals;
  const {
    externalErrorProxy: proxy,
    interceptorsConsumer: interceptors,
    interceptorsContextCreator: finder,
  } = internals;
  const steps = new HandlerSteps();
  return Object.create(contexts, {
    getContextModuleKey: { value: () => moduleKey },
    transformToResult: { value: lastValue },
    ...notingRefusals(contexts, steps),
    ...(interceptors && { interceptorsConsumer: { value: onlyWhereThereAre(interceptors) } }),
    ...(finder && { interceptorsContextCreator: { value: noting(finder, steps) } }),
    ...(proxy && { externalErrorProxy: { value: withoutLog(proxy, steps) } }),
  }) as ExternalContextCreator;
}

function noting(finder: InterceptorsFinder, steps: HandlerSteps): InterceptorsFinder {
  return {
    create(...where) {
      const interceptors = finder.create(...where);
      steps.foundInterceptors(interceptors);
      return interceptors;
    },
  };
}

function withoutLog(proxy: ErrorProxy, steps: HandlerSteps): ErrorProxy {
  return {
    createProxy(target, handler, type) {
      const quiet = Object.create(handler, {
        next: {
          value: (error: unknown, host: ArgumentsHost): unknown => {
            const answer = handler.invokeCustomFilters(error, host);
            // "Not handled" is undefined in Nest 12 and null in Nest 11.
            if (answer === undefined || answer === null) throw error;
            // By convention a filter returns a `throwError()` without a subscriber.
            return lastValue(answer);
          },
        },
      }) as ExceptionsHandler;
      const call = steps.takeCall();
      if (!call) return proxy.createProxy(target, quiet, type);
      return directHandler(call, (error, given) => {
        const failing = (): never => {
          throw error;
        };
        return proxy.createProxy(failing, quiet, type)(...given);
      });
    },
  };
}

function onlyWhereThereAre(consumer: InterceptorsConsumer): InterceptorsConsumer {
  return {
    intercept(interceptors, args, instance, callback, next, type) {
      if (interceptors.length === 0) return next();
      const tolerant: Next = async () => {
        const result = await next();
        // Interceptors see the success, too.
        return isObservable(result) ? result.pipe(defaultIfEmpty(undefined)) : result;
      };
      return consumer.intercept(interceptors, args, instance, callback, tolerant, type);
    },
  };
}

/** Nest takes the last value of an Observable and fails if there is none. */
export function lastValue(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}
