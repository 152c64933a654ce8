import { RpcContextCreator } from '@nestjs/microservices/context/rpc-context-creator.js';
import { RpcProxy } from '@nestjs/microservices/context/rpc-proxy.js';
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

type Step = (...args: unknown[]) => Promise<unknown>;
type CreateStep = (this: unknown, ...how: unknown[]) => Step | null;
type HandleError = (this: unknown, handler: unknown, args: readonly unknown[], error: unknown, ...rest: unknown[]) => unknown; // prettier-ignore

/** The methods of Nest that are wrapped: public in its types or in its sources, and pinned by tests. */
interface Wrapped {
  createGuardsFn: CreateStep;
  createPipesFn: CreateStep;
}

let watching = false;

/**
 * Has Nest's pipeline for message handlers tell what fails in it. Nest hands a transport "Internal server error" for
 * everything that is no RpcException, so that neither the reason nor a refusal can be seen from outside; see decision 20.
 * Messages of other transports are passed through as they are. Once in a process.
 */
export function watchHandlerFailures(): void {
  if (watching) return;
  watching = true;
  const creator = RpcContextCreator.prototype as unknown as Wrapped;
  // A guard is called with the arguments of the handler, a pipe with those to fill before them.
  creator.createGuardsFn = noting(creator.createGuardsFn, ([args]) => (args as readonly unknown[])[1]);
  creator.createPipesFn = noting(creator.createPipesFn, ([, , context]) => context);
  const proxy = RpcProxy.prototype as unknown as { handleError: HandleError };
  const { handleError } = proxy;
  proxy.handleError = function (handler, args, error, ...rest) {
    note(args[1], { error, refused: false });
    return handleError.call(this, handler, args, error, ...rest);
  };
}

function noting(create: CreateStep, contextIn: (args: readonly unknown[]) => unknown): CreateStep {
  return function (...how) {
    const step = create.apply(this, how);
    if (!step) return null;
    return async (...args) => {
      try {
        return await step(...args);
      } catch (error) {
        note(contextIn(args), { error, refused: isRefusal(error) });
        throw error;
      }
    };
  };
}
