/** On a method: the {@link ConsumerMetadata} of each of its decorators. */
export const CONSUMER_METADATA = 'nest-amqp:consumer';

// The two below are what Nest itself and @nestjs/microservices use, so that their parameter decorators work on our
// handlers and ours on theirs. The packages that define them cannot be imported: one is optional, and the other does
// not export them from its root.

/** On a class and method: which argument comes from where. */
export const ROUTE_ARGS_METADATA = '__routeArguments__';

/**
 * Where an argument of an 'rpc' handler comes from. The numbers also tell pipes what they have before them: Nest takes 3
 * for a body, which a `ValidationPipe` validates, and 6 for something custom, which it leaves alone.
 */
export const RpcArgument = { PAYLOAD: 3, CONTEXT: 6 } as const;
