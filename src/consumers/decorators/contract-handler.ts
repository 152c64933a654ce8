import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { isThenable } from '../../common/thenable.js';
import { ContractError } from '../../contracts/contract.errors.js';
import type { EventContract } from '../../contracts/event-contract.js';
import type { RpcContract } from '../../contracts/rpc-contract.js';
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

/** A method without parameters would ignore the payload. */
export type TakesPayload<Method extends (...given: never[]) => unknown> =
  Parameters<Method> extends readonly [] ? { readonly 'the handler must take the payload': never } : unknown;

/** A contract with the routing keys that it has. */
interface Known {
  readonly contract: (EventContract | RpcContract) & {
    /** @throws ContractError */
    incoming(key: string, payload: unknown, wanted: readonly string[]): unknown;
  };
  readonly known: readonly string[];
  /** Further keys, whose payloads become those of the keys that the handler names. Default: none. */
  readonly older?: readonly string[];
  /** Returns the routing key of a key. Default: the key itself. */
  readonly routingKeyOf?: (key: string) => string;
  /** Returns the key of a message. Default: its routing key. */
  readonly keyOf?: (routingKey: string, context: AmqpContext) => string;
}

/** The keys of a contract that one handler takes. */
interface Handled extends Known {
  readonly keys: readonly string[];
}

/**
 * Makes a method the handler of messages with some routing keys of a contract. Its first argument is the validated payload.
 *
 * @throws InvalidConsumerError, when it decorates, for an unknown key or another first argument
 */
export function contractHandler(
  kind: 'message' | 'rpc',
  contract: Known,
  keys: readonly string[],
  queue: QueueSource,
  options: OptionsSource<ConsumerOptions>,
): MethodDecorator {
  const { known, older = [], routingKeyOf = (key) => key } = contract;
  const names = [...keys, ...older].filter((key) => known.includes(key));
  const all = names.map((key) => routingKeyOf(key));
  const consume = consumerDecorator({
    kind,
    source: queue,
    options: withKeys(options, [...new Set(all)]),
    contracted: { contract: contract.contract, names },
  });
  return (target, method, descriptor) => {
    expectKnown(target, method, { ...contract, keys });
    takePayload(target, method, { ...contract, keys });
    consume(target, method, descriptor);
  };
}

const onlyKey = (routingKey: string): string => routingKey;

const Validated = createParamDecorator(({ contract, keys, keyOf = onlyKey }: Handled, execution: ExecutionContext) => {
  const rpc = execution.switchToRpc();
  const context = rpc.getContext<AmqpContext>();
  const refused = (error: unknown): never => {
    if (error instanceof ContractError) markRefused(context);
    throw error;
  };
  try {
    const payload = contract.incoming(keyOf(arrivalKey(context), context), rpc.getData(), keys);
    return isThenable(payload) ? Promise.resolve(payload).catch(refused) : payload;
  } catch (error) {
    return refused(error);
  }
});

function withKeys(
  options: OptionsSource<ConsumerOptions>,
  routingKey: readonly string[],
): OptionsSource<ConsumerOptions> {
  const { useFactory } = options as Partial<OptionsFactory<ConsumerOptions>>;
  if (typeof useFactory !== 'function') return { ...options, routingKey };
  return {
    ...options,
    useFactory: async (...injected: never[]) => ({ ...(await useFactory(...injected)), routingKey }),
  };
}

function expectKnown(target: object, method: string | symbol, { contract, known, keys }: Handled): void {
  const unknown = keys.find((key) => !known.includes(key));
  if (unknown === undefined && keys.length > 0) return;
  const problem = unknown === undefined ? 'no routing key is named' : `there is no '${unknown}'`;
  throw new InvalidConsumerError(
    `${nameOf(target, method)}: ${problem}. The contract of '${contract.exchange}' has ` +
      `${known.map((key) => `'${key}'`).join(', ')}.`,
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
        'validated, and can have no other decorator than @Payload() without pipes. A method takes one contract; ' +
        '@AmqpEvent() can name several events.',
    );
  }
  Validated(handled)(target, method, 0);
  if (undecorated) addRouteArgument(target, method, RpcArgument.CONTEXT, { index: 1, data: undefined, pipes: [] });
}

function nameOf(target: object, method: string | symbol): string {
  return `${target.constructor.name}.${String(method)}`;
}
