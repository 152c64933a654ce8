import { ConfigurableModuleBuilder } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import type { AmqpModuleOptions } from './amqp-module.options.js';

/** What users hand in, before {@link normalizeOptions}. */
export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: GIVEN_OPTIONS,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<AmqpModuleOptions | string>({ moduleName: 'Amqp' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAmqpOptions')
  .build();

/** @throws ConfigurationError when there is no URL */
export function normalizeOptions(given: AmqpModuleOptions | string | undefined): AmqpModuleOptions {
  const options = typeof given === 'string' ? { url: given } : given;
  const url = options?.url;
  if (!options || !url || (Array.isArray(url) && url.length === 0)) {
    throw new ConfigurationError(
      "AmqpModule has no broker URL: give one as in AmqpModule.forRoot('amqp://localhost'), or { url } among the " +
        'options. If it comes from the environment, the variable is probably not set.',
    );
  }
  return options;
}
