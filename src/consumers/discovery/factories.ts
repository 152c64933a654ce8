import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { namesOf } from '../../../lib/option-names/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { HandlerHost } from '../pipeline/handler-host.js';
import { moduleRefOf } from '../pipeline/host-instances.js';
import type { FactoryInjection } from '../options/queue-source.js';

/** A factory among the arguments of a decorator. */
interface Factory {
  readonly inject?: readonly FactoryInjection[];
  readonly useFactory: (...injected: never[]) => unknown;
}

const KNOWN = namesOf({ inject: 0, useFactory: 0 } satisfies Record<keyof Factory, 0>);

export function isFactory(source: unknown): source is Factory {
  return typeof (source as Partial<Factory> | null | undefined)?.useFactory === 'function';
}

/** Calls the factories of decorators with the providers that they inject. */
@Injectable()
export class Factories {
  constructor(private readonly anywhere: ModuleRef) {}

  /**
   * @param what the thing that the factory makes, for the error: `its queue's name`
   * @throws InvalidConsumerError if a dependency cannot be injected, or the factory fails
   * @throws ConfigurationError for an unknown name: without `inject`, the factory would get nothing
   */
  async call(factory: Factory, host: HandlerHost, what: string): Promise<unknown> {
    refuseUnknown(`${host.name}: the factory of ${what}`, factory, KNOWN);
    const { inject = [], useFactory } = factory;
    try {
      const injected = inject.map((token) => this.find(token as string, host));
      return await (useFactory as (...injected: unknown[]) => unknown)(...injected);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InvalidConsumerError(`${host.name} cannot be a consumer: ${what} could not be made: ${reason}`, {
        cause,
      });
    }
  }

  private find(token: string, { wrapper }: HandlerHost): unknown {
    try {
      return moduleRefOf(wrapper).get<unknown>(token, { strict: true });
    } catch {
      return this.anywhere.get<unknown>(token, { strict: false });
    }
  }
}
