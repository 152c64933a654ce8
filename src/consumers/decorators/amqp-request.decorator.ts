import { UseInterceptors, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { concatMap, takeLast, type Observable } from 'rxjs';
import type { AnsweredOf, ReplyIn, RequestIn } from '../../contracts/contract-types.js';
import type { RpcContract } from '../../contracts/rpc-contract.js';
import type { OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';
import type { RpcOptions } from '../options/rpc-options.js';
import { contractHandler, type TakesPayload } from './contract-handler.js';

/**
 * Options of a handler of a contract's requests. The contract gives the routing key.
 *
 * @publicApi
 */
export type RequestHandlerOptions = Omit<RpcOptions, 'routingKey' | 'type' | 'header'>;

/**
 * Decorates a method whose first parameter takes the request, and which returns the reply.
 *
 * @publicApi
 */
export type RequestDecorator<Request, Reply> = <
  Method extends (payload: Request, ...others: never[]) => Reply | Promise<Reply> | Observable<Reply>,
>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & TakesPayload<Method>,
) => void;

/**
 * Makes a method the handler of one kind of request of a contract, in a queue. It is {@link AmqpRpc} with the routing key of
 * the request, so several handlers share the consumer of the queue.
 *
 * - The first argument is the request after its validation, as for {@link AmqpEvent}.
 * - A request that does not match the contract is answered with a {@link ContractError}: the caller gets an
 *   {@link RpcRemoteError} with this name, and the paths in its message.
 * - The reply is validated before it is sent. If it does not match, the caller gets an internal error, which is logged
 *   here with the paths.
 *
 * @example
 * ```ts
 * @AmqpRequest(prices, 'price.quote', 'quotes', { bind: prices.exchange })
 * async quote(request: { item: string }): Promise<{ cents: number }> {}
 * ```
 *
 * @param queue must exist when the application starts, as for {@link AmqpConsumer}
 * @throws InvalidConsumerError for a request that the contract does not have, and for a first parameter with pipes or a
 * decorator other than `@Payload()`
 * @publicApi
 */
export function AmqpRequest<Contract extends RpcContract, Key extends keyof AnsweredOf<Contract> & string>(
  contract: Contract,
  key: Key,
  queue: QueueSource,
  options: OptionsSource<RequestHandlerOptions> = {},
): RequestDecorator<RequestIn<AnsweredOf<Contract>[Key]>, ReplyIn<AnsweredOf<Contract>[Key]>> {
  const handle = contractHandler('rpc', { contract, known: contract.requests }, [key], queue, options);
  const check = UseInterceptors(new ReplyCheck(contract, key));
  return (target, method, descriptor) => {
    handle(target, method, descriptor);
    check(target, method, descriptor);
  };
}

/** Validates the reply: the last value, if the method returns an Observable. */
class ReplyCheck implements NestInterceptor {
  constructor(
    private readonly contract: RpcContract,
    private readonly key: string,
  ) {}

  intercept(_execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      takeLast(1),
      concatMap(async (reply) => this.contract.outgoingReply(this.key, reply)),
    );
  }
}
