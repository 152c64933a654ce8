/** Name of the connection without a name. */
export const DEFAULT_CONNECTION = 'default';

/**
 * Returns the injection token of the {@link AmqpModuleOptions} that {@link AmqpModule.forRoot} got for a connection.
 *
 * @example
 * ```ts
 * constructor(@Inject(getModuleOptionsToken('billing')) private readonly options: AmqpModuleOptions) {}
 * ```
 *
 * @publicApi
 */
export function getModuleOptionsToken(connection: string = DEFAULT_CONNECTION): string {
  return `nest-amqp:options:${connection}`;
}

/** Returns the injection token of a {@link NamedConnection}. */
export function getConnectionToken(connection: string = DEFAULT_CONNECTION): string {
  return `nest-amqp:connection:${connection}`;
}
