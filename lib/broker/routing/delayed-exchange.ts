import type { Clock } from '../../environment/index.js';
import { TypedField, type FieldValue } from '../../protocol/field-table.js';
import { preconditionFailed } from '../errors.js';
import { encodeProperties, Message } from '../queue/message.js';
import type { Exchange, ExchangeProperties } from './exchange.js';

/** The type of exchange that the plugin rabbitmq-delayed-message-exchange adds. */
const DELAYED = 'x-delayed-message';
/** The longest delay; a message with a longer one is not delayed, ms. */
const LONGEST = 2 ** 32 - 1;

/** Returns the type whose rules route the messages: for `x-delayed-message`, its `x-delayed-type`. @throws BrokerError */
export function routingType({ type, arguments: args }: ExchangeProperties): string {
  if (type !== DELAYED) return type;
  const routedAs = args['x-delayed-type'];
  if (routedAs === DELAYED) {
    throw preconditionFailed(`Invalid argument, '${DELAYED}' can't be used for 'x-delayed-type'`);
  }
  if (typeof routedAs === 'string') return routedAs;
  throw preconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type");
}

/** Returns the time for which the exchange keeps the message, ms; undefined if it routes the message now. */
export function delayOf(exchange: Exchange, message: Message): number | undefined {
  if (exchange.properties.type !== DELAYED) return undefined;
  const delay = integerOf(message.properties.headers?.['x-delay']);
  return delay > 0 && delay <= LONGEST ? delay : undefined;
}

/** Integers, floats, which are truncated, and texts. 0 for other values. */
function integerOf(value: FieldValue): number {
  const number = value instanceof TypedField ? value.value : value;
  if (typeof number === 'string') return /^[+-]?\d+$/.test(number) ? Number(number) : 0;
  return typeof number === 'number' || typeof number === 'bigint' ? Math.trunc(Number(number)) : 0;
}

/** Returns the message as it goes on: the sign of its `x-delay` shows that its delay is over. */
function after(message: Message, delay: number): Message {
  const { passedOn } = message;
  const encoded = encodeProperties({ ...passedOn, headers: { ...passedOn.headers, 'x-delay': -delay } });
  return new Message(message.exchange, message.routingKeys, encoded, message.body);
}

/** The messages that exchanges keep until their delay is over. They survive a restart of the broker. */
export class DelayedMessages {
  private readonly waiting = new Map<Exchange, Set<() => void>>();

  /** @param kept reports a change of the bytes that are kept */
  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly kept: (bytes: number) => void,
  ) {}

  /** @param deliver called with the message when its delay is over */
  keep(exchange: Exchange, message: Message, delay: number, deliver: (message: Message) => void): void {
    const all = this.waiting.get(exchange) ?? new Set();
    this.waiting.set(exchange, all);
    this.kept(message.size);
    const cancel = this.clock.after(delay, () => {
      drop();
      deliver(after(message, delay));
    });
    const drop = (): void => {
      cancel();
      this.kept(-message.size);
      all.delete(drop);
      if (all.size === 0) this.waiting.delete(exchange);
    };
    all.add(drop);
  }

  /** Drops the messages of an exchange that is deleted. */
  drop(exchange: Exchange): void {
    for (const drop of this.waiting.get(exchange) ?? []) drop();
  }
}
