import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { isThenable } from '../../common/thenable.js';
import { ContractError } from '../../contracts/contract.errors.js';
import type { HandledOf } from '../../contracts/contract-types.js';
import type { EventContract } from '../../contracts/event-contract.js';
import type { AmqpContext } from '../../settlement/amqp-context.js';
import { arrivalKey } from '../../settlement/retry/arrival-key.js';
import { InvalidConsumerError } from '../consumer.errors.js';
import type { ConsumerOptions } from '../options/consumer-options.js';
import { RpcArgument } from '../options/consumers.constants.js';
import type { OptionsFactory, OptionsSource } from '../options/options-source.js';
import type { QueueSource } from '../options/queue-source.js';
import { markRefused } from '../pipeline/refusals.js';
import { consumerDecorator } from './consumer-decorator.js';
import { addRouteArgument, readRouteArguments, takeRouteArgument } from './route-arguments.js';

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

/** A method without parameters would ignore the payload. */
type TakesPayload<Method extends (...given: never[]) => unknown> =
  Parameters<Method> extends readonly [] ? { readonly 'the handler must take the payload': never } : unknown;

/** The events that one handler takes. */
interface Handled {
  readonly contract: EventContract;
  readonly events: readonly string[];
}

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
  const events: readonly string[] = typeof event === 'string' ? [event] : event;
  const consume = consumerDecorator({ kind: 'message', source: queue, options: withKeys(options, events) });
  return (target, method, descriptor) => {
    expectKnown(target, method, { contract, events });
    takePayload(target, method, { contract, events });
    consume(target, method, descriptor);
  };
}

const Validated = createParamDecorator(({ contract, events }: Handled, execution: ExecutionContext) => {
  const rpc = execution.switchToRpc();
  const context = rpc.getContext<AmqpContext>();
  const refused = (error: unknown): never => {
    if (error instanceof ContractError) markRefused(context);
    throw error;
  };
  try {
    const payload = contract.incoming(events.length === 1 ? events[0]! : arrivalKey(context), rpc.getData());
    return isThenable(payload) ? Promise.resolve(payload).catch(refused) : payload;
  } catch (error) {
    return refused(error);
  }
});

function withKeys(options: OptionsSource<EventOptions>, routingKey: readonly string[]): OptionsSource<ConsumerOptions> {
  const { useFactory } = options as Partial<OptionsFactory<EventOptions>>;
  if (typeof useFactory !== 'function') return { ...options, routingKey };
  return {
    ...options,
    useFactory: async (...injected: never[]) => ({ ...(await useFactory(...injected)), routingKey }),
  };
}

function expectKnown(target: object, method: string | symbol, { contract, events }: Handled): void {
  const known = contract.events;
  const unknown = events.find((event) => !known.includes(event));
  if (unknown === undefined && events.length > 0) return;
  const problem = unknown === undefined ? 'no event is named' : `there is no event '${unknown}'`;
  throw new InvalidConsumerError(
    `${nameOf(target, method)}: ${problem}. The contract of '${contract.exchange}' has ` +
      `${known.map((event) => `'${event}'`).join(', ')}.`,
  );
}

const PAYLOAD_FIRST = `${RpcArgument.PAYLOAD}:0`;

/** Declares that the first argument is the validated payload. */
function takePayload(target: object, method: string | symbol, handled: Handled): void {
  const undecorated = readRouteArguments(target, method) === undefined;
  const { [PAYLOAD_FIRST]: first, ...others } = takeRouteArgument(target, method, 0);
  const changed = first && (first.data !== undefined || first.pipes.length > 0 || first.schema);
  if (changed || Object.keys(others).length > 0) {
    throw new InvalidConsumerError(
      `${nameOf(target, method)}: its first parameter is the payload that the contract of '${handled.contract.exchange}' has ` +
        'validated, and can have no other decorator than @Payload() without pipes. A method takes one @AmqpEvent(), which can ' +
        'name several events.',
    );
  }
  Validated(handled)(target, method, 0);
  if (undecorated) addRouteArgument(target, method, RpcArgument.CONTEXT, { index: 1, data: undefined, pipes: [] });
}

function nameOf(target: object, method: string | symbol): string {
  return `${target.constructor.name}.${String(method)}`;
}
