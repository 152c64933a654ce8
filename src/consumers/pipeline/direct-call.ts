import { isObservable, lastValueFrom } from 'rxjs';
import { isThenable } from '../../common/thenable.js';
import type { PipesFn } from './arguments.js';

type Method = (...args: unknown[]) => unknown;
/** Calls a handler with payload and context. */
export type Call = (given: readonly unknown[]) => unknown;

/** The steps that Nest finds for a handler, before it puts them around the handler. */
export class HandlerSteps {
  private bare: { readonly guards: boolean; readonly interceptors: boolean; readonly pipes: boolean } = NOTHING_KNOWN;
  private method: Method | undefined;
  private supply: PipesFn | undefined;
  private size = 0;

  foundInterceptors(interceptors: readonly unknown[]): void {
    this.bare = { ...this.bare, interceptors: interceptors.length === 0 };
  }

  foundGuards(guards: readonly unknown[], instance: object, method: Method): void {
    this.bare = { ...this.bare, guards: guards.length === 0 };
    this.method = method.bind(instance);
  }

  /** @param supply sets `size` arguments; undefined for a handler that gets payload and context */
  foundPipes(piped: boolean, supply: PipesFn | undefined, size: number): void {
    this.bare = { ...this.bare, pipes: !piped };
    this.supply = supply;
    this.size = size;
  }

  /** Returns the call of a handler without guards, interceptors and pipes; undefined if it has any. Begins anew. */
  takeCall(): Call | undefined {
    const { bare, method, supply, size } = this;
    this.bare = NOTHING_KNOWN;
    if (!method || !bare.guards || !bare.interceptors || !bare.pipes) return undefined;
    if (!supply) return (given) => method(...given);
    return (given) => {
      const args = new Array<unknown>(size).fill(undefined);
      const pending = supply(args, ...given);
      return pending ? pending.then(() => method(...args)) : method(...args);
    };
  }
}

/** Nest has not said yet what a handler is without. */
const NOTHING_KNOWN = { guards: false, interceptors: false, pipes: false };

/**
 * Returns the handler around a call. It returns the result of the call without a promise, unless the result has to be
 * awaited.
 *
 * @param failed what the exception filters return for an error
 */
export function directHandler(call: Call, failed: (error: unknown, given: readonly unknown[]) => unknown): Method {
  const awaited = async (result: unknown, given: readonly unknown[]): Promise<unknown> => {
    try {
      const value = await result;
      return isObservable(value) ? await lastValueFrom(value, { defaultValue: undefined }) : value;
    } catch (error) {
      return failed(error, given);
    }
  };
  return (...given) => {
    try {
      const result = call(given);
      return isThenable(result) || isObservable(result) ? awaited(result, given) : result;
    } catch (error) {
      return failed(error, given);
    }
  };
}
