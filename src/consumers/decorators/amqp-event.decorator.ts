import type { HandledOf } from '../../contracts/contract-types.js';
import type { EventContract } from '../../contracts/event-contract.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import type { OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';
import { contractHandler, type TakesPayload } from './contract-handler.js';

/**
 * Options of a handler of events. The contract gives the routing key.
 *
 * @publicApi
 */
export type EventOptions = Omit<ConsumerOptions, 'routingKey' | 'type' | 'header'>;

/**
 * Decorates a method whose first parameter takes the payload.
 *
 * @publicApi
 */
export type EventDecorator<Payload> = <Method extends (payload: Payload, ...others: never[]) => unknown>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & TakesPayload<Method>,
) => void;

/**
 * Makes a method the handler of one or several events of a contract, in a queue. It is {@link AmqpConsumer} with the routing
 * keys of these events, so several handlers share the consumer of the queue.
 *
 * - The first argument is the payload after its validation. A method whose first parameter has another type, or that has no
 *   parameter, does not compile.
 * - Without parameter decorators, the second argument is the {@link AmqpContext}. Other arguments may have decorators such
 *   as `@Ctx()` and `@AmqpHeader()`.
 * - A message that does not match the contract is refused with {@link ContractError}: it is parked at its first attempt,
 *   with the paths in the reason. Guards run before the validation, exception filters see the error.
 * - It gets older versions of its events, too, if the contract has upcasters ({@link EventContract.upcast}).
 * - A global `ValidationPipe` leaves the validated payload alone.
 *
 * @example
 * ```ts
 * @AmqpEvent(orders, 'order.created', 'billing', { bind: orders.exchange })
 * async onCreated(order: { id: string; item: string }, context: AmqpContext) {}
 * ```
 *
 * @param queue must exist when the application starts, as for {@link AmqpConsumer}
 * @throws InvalidConsumerError for an event that the contract does not have, and for a first parameter with pipes or a
 * decorator other than `@Payload()`
 * @publicApi
 */
export function AmqpEvent<Contract extends EventContract, Event extends keyof HandledOf<Contract> & string>(
  contract: Contract,
  event: Event | readonly Event[],
  queue: QueueSource,
  options: OptionsSource<EventOptions> = {},
): EventDecorator<HandledOf<Contract>[Event]> {
  const events = typeof event === 'string' ? [event] : event;
  const versions = {
    contract,
    known: contract.events,
    older: contract.olderThan(events),
    routingKeyOf: (one: string) => contract.routeOf(one).routingKey,
    keyOf: (routingKey: string, context: AmqpContext) => contract.eventOf(routingKey, context),
  };
  return contractHandler('message', versions, events, queue, options);
}
