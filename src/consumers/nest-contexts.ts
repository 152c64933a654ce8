import type { ArgumentsHost } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { notingRefusals } from './refusals.js';

interface ExceptionsHandler {
  next(error: unknown, host: ArgumentsHost): unknown;
  invokeCustomFilters(error: unknown, host: ArgumentsHost): unknown;
}

/** Not in Nest's types; see decision 5. */
interface ErrorProxy {
  createProxy(target: unknown, handler: ExceptionsHandler, type: string): unknown;
}

/**
 * Nest's `ExternalContextCreator`, told what it does not find out by itself (decision 5):
 *
 * - the module of the handler, where guards and pipes that are given as classes are looked for. It finds that module
 *   for providers only, and would leave out those of a controller without a word;
 * - that an error which no filter handles is not to be logged: it gets its line when the message is settled, with the
 *   message's name and what became of it;
 * - that we want to know whether it was a guard or a pipe that refused (decision 9).
 */
export function nestContexts(contexts: ExternalContextCreator, moduleKey: string): ExternalContextCreator {
  const proxy = (contexts as unknown as { readonly externalErrorProxy?: ErrorProxy }).externalErrorProxy;
  return Object.create(contexts, {
    getContextModuleKey: { value: () => moduleKey },
    ...notingRefusals(contexts),
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
            return answer;
          },
        },
      }) as ExceptionsHandler;
      return proxy.createProxy(target, quiet, type);
    },
  };
}
