/** Name of the connection that was given none. */
export const DEFAULT_CONNECTION = 'default';

/**
 * Token of the options that {@link AmqpModule.forRoot} was given for a connection, as {@link AmqpModuleOptions}.
 *
 * @publicApi
 */
export function getModuleOptionsToken(connection: string = DEFAULT_CONNECTION): string {
  return `nest-amqp:options:${connection}`;
}

/** Token of a {@link NamedConnection}. */
export function getConnectionToken(connection: string = DEFAULT_CONNECTION): string {
  return `nest-amqp:connection:${connection}`;
}
