import { ConfigurableModuleBuilder, type FactoryProvider, type Provider } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import {
  checkValues,
  listOf,
  OBJECT,
  oneOf,
  TEXT,
  type ValueCheck,
  type ValueChecks,
} from '../common/option-values.js';
import { refuseUnknown } from '../common/known-options.js';
import { RPC_ERRORS } from '../rpc/told-error.js';
import { checkTopology } from '../topology/check-topology.js';
import type { TopologyOptions } from '../topology/topology.js';
import { provideConfirmingPublisher } from '../publishers/publisher.tokens.js';
import type { AmqpModuleOptions, ConnectionNameOptions } from '../registry/amqp-module.options.js';
import { DEFAULT_CONNECTION, getConnectionToken, getModuleOptionsToken } from '../connection/amqp.tokens.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { CONNECTION_TARGET, type ConnectionTarget } from '../registry/connection-target.js';
import { NamedConnection } from '../registry/named-connection.js';
import { DueCourier } from '../settlement/due/due-courier.js';

const NO_NAME: ConnectionNameOptions = { name: DEFAULT_CONNECTION };

/** `normalizeOptions()` converts the given options to {@link AmqpModuleOptions}. */
export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: GIVEN_OPTIONS,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<AmqpModuleOptions | string>({ moduleName: 'Amqp' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAmqpOptions')
  .setExtras(NO_NAME, (definition, { name = DEFAULT_CONNECTION }) => {
    const provided = connectionProviders(name, placeOf(definition.providers ?? []));
    return {
      ...definition,
      providers: [...(definition.providers ?? []), ...provided],
      exports: provided.map(({ provide }) => provide),
    };
  })
  .build();

/** The module of Nest provides the options of `forRoot()` by value, and those of `forRootAsync()` by a factory. */
function placeOf(providers: readonly Provider[]): string {
  const given = providers.find((one) => typeof one === 'object' && one.provide === GIVEN_OPTIONS);
  return given && 'useFactory' in given ? 'AmqpModule.forRootAsync()' : 'AmqpModule.forRoot()';
}

/**
 * Provides everything under tokens with the connection's name, since the module is global and may be imported several
 * times.
 */
function connectionProviders(name: string, place: string): FactoryProvider[] {
  const connection = getConnectionToken(name);
  return [
    {
      provide: getModuleOptionsToken(name),
      useFactory: (given: AmqpModuleOptions | string | undefined, target?: ConnectionTarget) =>
        normalizeOptions(target ? target.direct(name, withUrl(given)) : given, place),
      inject: [GIVEN_OPTIONS, { token: CONNECTION_TARGET, optional: true }],
    },
    {
      provide: connection,
      useFactory: (options: AmqpModuleOptions, registry: ConnectionRegistry) => {
        const named = new NamedConnection(name, options, place);
        named.employ(new DueCourier(named.connections, ({ returned }) => named.events.returns.next(returned)));
        registry.add(named);
        return named;
      },
      inject: [getModuleOptionsToken(name), ConnectionRegistry],
    },
    {
      provide: provideConfirmingPublisher(name),
      useFactory: ({ publisher }: NamedConnection) => publisher,
      inject: [connection],
    },
  ];
}

function withUrl<T extends object>(given: T | string | undefined): T | { readonly url: string } | undefined {
  return typeof given === 'string' ? { url: given } : given;
}

/** @throws ConfigurationError if the URL is missing or an option is unknown */
function normalizeOptions(given: AmqpModuleOptions | string | undefined, place: string): AmqpModuleOptions {
  const options = withUrl(given);
  // Names first: of `{ urls }` the name is wrong, not the environment.
  if (options) checkNames(options, place);
  const url = options?.url;
  if (!options || !url || (Array.isArray(url) && url.length === 0)) {
    throw new ConfigurationError(
      "AmqpModule has no broker URL: give one as in AmqpModule.forRoot('amqp://localhost'), or { url } among the " +
        'options. If it comes from the environment, the variable is probably not set.',
    );
  }
  return options;
}

const KNOWN = namesOf({
  url: 0,
  connectionName: 0,
  connection: 0,
  topology: 0,
  startup: 0,
  startupTimeout: 0,
  prefetch: 0,
  gracePeriod: 0,
  publishing: 0,
  rpcErrors: 0,
  serializers: 0,
  defaultContentType: 0,
} satisfies Record<keyof AmqpModuleOptions, 0>);

const TOPOLOGY = namesOf({ declare: 0, exchanges: 0, queues: 0, bindings: 0 } satisfies Record<
  keyof TopologyOptions,
  0
>);

const CONTENT_TYPE: ValueCheck = {
  fits: (value) => typeof value === 'string' && /^[^\s/;]+\/[^\s/;]+\s*(;|$)/.test(value),
  expected: "a content type such as 'application/json'",
};

const VALUES: ValueChecks<AmqpModuleOptions> = {
  connectionName: TEXT,
  connection: OBJECT,
  startup: oneOf('wait', 'background'),
  publishing: OBJECT,
  rpcErrors: RPC_ERRORS,
  serializers: listOf('serializers', 'accepts', 'serialize', 'deserialize'),
  defaultContentType: CONTENT_TYPE,
};

/** Options of the client core that the module sets itself. */
const ELSEWHERE = {
  urls: 'would have no effect: set url, beside connection',
  connectionName: 'would have no effect: set connectionName beside connection',
  logger: "would have no effect: the module logs through Nest's Logger",
};

/** Checks the names of options, since TypeScript does not check a factory's result for unknown properties. */
function checkNames(options: AmqpModuleOptions, place: string): void {
  refuseUnknown(place, options, KNOWN);
  checkValues(place, options, VALUES);
  const { connection = {}, topology = {} } = options;
  for (const [name, instead] of Object.entries(ELSEWHERE)) {
    if (name in connection) throw new ConfigurationError(`${place}: connection: '${name}' ${instead}`);
  }
  checkTopology(`${place}: topology`, topology, TOPOLOGY);
  checkValues(`${place}: topology`, topology, { declare: oneOf('assert', 'verify', 'none') });
}
