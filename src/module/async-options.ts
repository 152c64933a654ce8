import type { Provider } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { ARRAY, checkValues, FUNCTION, NAME, type ValueCheck } from '../common/option-values.js';
import type { AmqpOptionsFactory } from '../registry/amqp-module.options.js';
import type { ASYNC_OPTIONS_TYPE } from './amqp-core.module-definition.js';

type AsyncOptions = typeof ASYNC_OPTIONS_TYPE;

const PLACE = 'AmqpModule.forRootAsync()';
const SOURCES = ['useFactory', 'useClass', 'useExisting'] as const;
const KNOWN = namesOf({
  name: 0,
  imports: 0,
  inject: 0,
  useFactory: 0,
  useClass: 0,
  useExisting: 0,
  provideInjectionTokensFrom: 0,
} satisfies Record<keyof AsyncOptions, 0>);

const CLASS: ValueCheck = { ...FUNCTION, expected: 'a class with the method createAmqpOptions()' };

/** Options for the core module, and what it provides besides. */
interface CheckedAsyncOptions {
  readonly options: AsyncOptions;
  readonly providers: readonly Provider[];
}

/**
 * Nest would ignore an unknown option and one of two sources, and fail at the start with an error of its injector without a
 * source.
 *
 * @throws ConfigurationError
 */
export function checkedAsyncOptions(options: AsyncOptions): CheckedAsyncOptions {
  const given = Object(options) as Readonly<Record<string, unknown>>;
  const [source, another] = SOURCES.filter((name) => given[name] !== undefined && given[name] !== null);
  if (source === undefined) {
    throw new ConfigurationError(
      `${PLACE} needs useFactory, useClass or useExisting, as in forRootAsync({ useFactory: () => ` +
        "({ url: 'amqp://localhost' }) }). Options that are known at once belong into AmqpModule.forRoot().",
    );
  }
  refuseUnknown(PLACE, options, KNOWN);
  if (another !== undefined) {
    throw new ConfigurationError(`${PLACE} has ${source} and ${another}, of which only one would have an effect`);
  }
  checkValues(PLACE, options, { name: NAME, imports: ARRAY, inject: ARRAY, useFactory: FUNCTION, useClass: CLASS });
  if (source === 'useFactory') return { options, providers: [] };
  const { useClass, useExisting, ...others } = options;
  const useFactory = (made: unknown) => createdBy(made, source);
  return {
    options: { ...others, useFactory, inject: [(useClass ?? useExisting)!] },
    providers: useClass ? [useClass] : [],
  };
}

/** The method may be a field, so only an instance shows whether it is there. @throws ConfigurationError */
function createdBy(made: unknown, source: string): ReturnType<AmqpOptionsFactory['createAmqpOptions']> {
  const factory = Object(made) as Partial<AmqpOptionsFactory>;
  if (typeof factory.createAmqpOptions === 'function') return factory.createAmqpOptions();
  throw new ConfigurationError(`${PLACE}: ${source}: ${factory.constructor?.name} has no method createAmqpOptions()`);
}
