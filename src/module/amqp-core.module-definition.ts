import { ConfigurableModuleBuilder, type FactoryProvider } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { getConfirmingPublisherToken } from '../publishers/publisher.tokens.js';
import type { AmqpModuleOptions, ConnectionNameOptions } from '../registry/amqp-module.options.js';
import { DEFAULT_CONNECTION, getConnectionToken, getModuleOptionsToken } from '../connection/amqp.tokens.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { CONNECTION_TARGET, type ConnectionTarget } from '../registry/connection-target.js';
import { NamedConnection } from '../registry/named-connection.js';

const NO_NAME: ConnectionNameOptions = { name: DEFAULT_CONNECTION };

/** What users hand in becomes {@link AmqpModuleOptions} by {@link normalizeOptions}. */
export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: GIVEN_OPTIONS,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<AmqpModuleOptions | string>({ moduleName: 'Amqp' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAmqpOptions')
  .setExtras(NO_NAME, (definition, { name = DEFAULT_CONNECTION }) => {
    const provided = connectionProviders(name);
    return {
      ...definition,
      providers: [...(definition.providers ?? []), ...provided],
      exports: provided.map(({ provide }) => provide),
    };
  })
  .build();

/** Each under a token of its connection, since the module is global and there may be several. */
function connectionProviders(name: string): FactoryProvider[] {
  const connection = getConnectionToken(name);
  return [
    {
      provide: getModuleOptionsToken(name),
      useFactory: (given: AmqpModuleOptions | string | undefined, target?: ConnectionTarget) =>
        normalizeOptions(target ? target.direct(name, withUrl(given)) : given),
      inject: [GIVEN_OPTIONS, { token: CONNECTION_TARGET, optional: true }],
    },
    {
      provide: connection,
      useFactory: (options: AmqpModuleOptions, registry: ConnectionRegistry) => {
        const named = new NamedConnection(name, options);
        registry.add(named);
        return named;
      },
      inject: [getModuleOptionsToken(name), ConnectionRegistry],
    },
    {
      provide: getConfirmingPublisherToken(name),
      useFactory: ({ publisher }: NamedConnection) => publisher,
      inject: [connection],
    },
  ];
}

function withUrl<T extends object>(given: T | string | undefined): T | { readonly url: string } | undefined {
  return typeof given === 'string' ? { url: given } : given;
}

/** @throws ConfigurationError when there is no URL */
export function normalizeOptions(given: AmqpModuleOptions | string | undefined): AmqpModuleOptions {
  const options = withUrl(given);
  const url = options?.url;
  if (!options || !url || (Array.isArray(url) && url.length === 0)) {
    throw new ConfigurationError(
      "AmqpModule has no broker URL: give one as in AmqpModule.forRoot('amqp://localhost'), or { url } among the " +
        'options. If it comes from the environment, the variable is probably not set.',
    );
  }
  return options;
}
