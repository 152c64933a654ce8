import { RpcContextCreator } from '@nestjs/microservices/context/rpc-context-creator.js';
import { RpcProxy } from '@nestjs/microservices/context/rpc-proxy.js';
import { hasPipes, withoutPipes, type Param, type PipesFn } from '../../consumers/pipeline/arguments.js';
import { isRefusal } from '../../settlement/refusal.js';
import { AmqpRpcContext } from './amqp-rpc.context.js';

/** A failure in Nest's pipeline, as it was before exception filters changed it. */
export interface HandlerFailure {
  readonly error: unknown;
  /** A guard or a pipe has refused the message: it would refuse it again. */
  readonly refused: boolean;
}

/** By message. The first failure of a message counts. */
const failures = new WeakMap<AmqpRpcContext, HandlerFailure>();

/** Undefined where nothing has failed in Nest's pipeline. */
export function failureIn(context: AmqpRpcContext): HandlerFailure | undefined {
  return failures.get(context);
}

function note(context: unknown, failure: HandlerFailure): void {
  if (!(context instanceof AmqpRpcContext) || failures.has(context)) return;
  failures.set(context, failure);
}

type GuardsFn = (args: readonly unknown[]) => Promise<unknown>;
type CreateGuards = (this: unknown, ...how: unknown[]) => GuardsFn | null;
type CreatePipes = (this: unknown, pipes: readonly unknown[], params: readonly Param[]) => PipesFn | null;
type HandleError = (this: unknown, handler: unknown, args: readonly unknown[], error: unknown, ...rest: unknown[]) => unknown; // prettier-ignore

/** The methods of Nest that are wrapped: public in its types or in its sources, and pinned by tests. */
interface Wrapped {
  createGuardsFn: CreateGuards;
  createPipesFn: CreatePipes;
}

let watching = false;

/**
 * Has Nest's pipeline for message handlers tell what fails in it. Nest hands a transport "Internal server error" for
 * everything that is no RpcException, so that neither the reason nor a refusal can be seen from outside; see decision 20.
 * It also shortens that pipeline for handlers without pipes. Messages of other transports are passed through as they are. Once
 * in a process.
 */
export function watchHandlerFailures(): void {
  if (watching) return;
  watching = true;
  const creator = RpcContextCreator.prototype as unknown as Wrapped;
  creator.createGuardsFn = notingGuards(creator.createGuardsFn);
  creator.createPipesFn = notingPipes(creator.createPipesFn);
  const proxy = RpcProxy.prototype as unknown as { handleError: HandleError };
  const { handleError } = proxy;
  proxy.handleError = function (handler, args, error, ...rest) {
    note(args[1], { error, refused: false });
    return handleError.call(this, handler, args, error, ...rest);
  };
}

/** A guard gets the arguments of the handler: payload and context. */
function notingGuards(create: CreateGuards): CreateGuards {
  return function (...how) {
    const ask = create.apply(this, how);
    return ask && ((args) => ask(args).catch((error: unknown) => refuse(args[1], error)));
  };
}

/** A pipe gets the arguments to set, then payload and context. */
function notingPipes(create: CreatePipes): CreatePipes {
  return function (pipes, params) {
    const transform = create.call(this, pipes, params);
    if (!transform) return null;
    const shortest = hasPipes(pipes, params) ? transform : withoutPipes(params);
    return (args, ...given) => {
      if (!(given[1] instanceof AmqpRpcContext)) return transform(args, ...given);
      return shortest(args, ...given)?.catch((error: unknown) => refuse(given[1], error));
    };
  };
}

function refuse(context: unknown, error: unknown): never {
  note(context, { error, refused: isRefusal(error) });
  throw error;
}
