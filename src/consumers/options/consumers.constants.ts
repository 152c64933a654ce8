/** On a method: the {@link ConsumerMetadata} of each of its decorators. */
export const CONSUMER_METADATA = 'nest-amqp:consumer';

/** On a method: the {@link ListenerMetadata} of each of its decorators. */
export const LISTENER_METADATA = 'nest-amqp:listener';

// The following values are those of Nest and @nestjs/microservices, so that their parameter decorators work on our
// handlers and ours on theirs. They cannot be imported: one package is optional, and the other does not export them
// from its root.

/** On a class and method: the source of each argument. */
export const ROUTE_ARGS_METADATA = '__routeArguments__';

/** On a class: marks it as an entry point of calls from outside. */
export const ENTRY_PROVIDER = '__entryProvider__';

/**
 * The source of an argument of an 'rpc' handler. Pipes see these numbers, too: Nest uses 3 for a body, which a
 * `ValidationPipe` validates, and 6 for a custom argument, which it ignores.
 */
export const RpcArgument = { PAYLOAD: 3, CONTEXT: 6 } as const;
