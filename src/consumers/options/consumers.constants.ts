/** On a method: the {@link ConsumerMetadata} of each of its decorators. */
export const CONSUMER_METADATA = 'nest-amqp:consumer';

/** On a method: the {@link ListenerMetadata} of each of its decorators. */
export const LISTENER_METADATA = 'nest-amqp:listener';

// What follows is what Nest itself and @nestjs/microservices use, so that their parameter decorators work on our
// handlers and ours on theirs. The packages that define them cannot be imported: one is optional, and the other does
// not export them from its root.

/** On a class and method: which argument comes from where. */
export const ROUTE_ARGS_METADATA = '__routeArguments__';

/** On a class: calls from outside enter the application here. */
export const ENTRY_PROVIDER = '__entryProvider__';

/**
 * Where an argument of an 'rpc' handler comes from. The numbers also tell pipes what they have before them: Nest takes 3
 * for a body, which a `ValidationPipe` validates, and 6 for something custom, which it leaves alone.
 */
export const RpcArgument = { PAYLOAD: 3, CONTEXT: 6 } as const;
