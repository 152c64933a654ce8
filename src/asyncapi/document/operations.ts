import type { ContractSchema } from '../../contracts/contract-types.js';
import type { ContractPart } from '../../contracts/contract.errors.js';
import { EventContract } from '../../contracts/event-contract.js';
import type { RpcContract } from '../../contracts/rpc-contract.js';
import { hasWildcards, matchesTopic } from '../../common/topic-pattern.js';
import { listOf } from '../../consumers/dispatch/selection.js';
import type { RetryPolicy } from '../../settlement/retry/retry-policy.js';
import type { SelectionOptions } from '../../consumers/options/selection-options.js';
import { dataOf, payloadOf, resultOf } from '../survey/handler-types.js';
import type { SurveyedConnection } from '../survey/places.js';
import type { SurveyedConsumer, SurveyedPublisher, SurveyedTransport } from '../survey/survey.js';
import type { PatternHandler } from '../survey/transport-handlers.js';
import type { Channels } from './channels.js';
import type { MessageIdentity, OperationObject, Reference } from './document.js';
import { policyOf } from './failed-messages.js';
import { Ids } from './ids.js';
import type { Messages, Payload } from './messages.js';
import { replyPacket, requestPacket } from './packets.js';

const BINDING = { bindingVersion: '0.3.0' } as const;

/** The message of a contract, with the reply if it is a request. */
interface Agreed {
  readonly message: string;
  readonly reply: string | undefined;
  readonly routingKey: string;
}

/** The operations of a document. */
export class Operations {
  readonly operations: Record<string, OperationObject> = {};
  private readonly ids = new Ids();

  constructor(
    private readonly channels: Channels,
    private readonly messages: Messages,
  ) {}

  /** Adds what a publisher sends: each event or request of its contract. Without a contract only its exchange is known. */
  send({ connection, definition: { exchange: target, defaults = {} } }: SurveyedPublisher): void {
    const { mandatory = true, persistent = true, priority } = defaults;
    const bindings = {
      amqp: { mandatory, deliveryMode: persistent ? 2 : 1, ...(priority !== undefined && { priority }), ...BINDING },
    };
    if (typeof target === 'string') {
      const channel = this.channels.exchange(connection, target, undefined);
      this.operations[this.ids.of('send', target)] = {
        action: 'send',
        channel: { $ref: `#/channels/${channel}` },
        bindings,
      };
      return;
    }
    for (const name of Object.keys(target.schemas)) {
      const { message, reply, routingKey } = this.agreed(target, name);
      const channel = this.channels.exchange(connection, target.exchange, routingKey);
      this.operations[this.ids.of('send', target.exchange, name)] = {
        action: 'send',
        channel: { $ref: `#/channels/${channel}` },
        title: reply === undefined ? `publish ${name}` : `request ${name}`,
        messages: [this.channels.carry(channel, message)],
        ...this.replyOf(connection, message, reply),
        bindings,
      };
    }
  }

  /** Adds what a handler takes from its queue. */
  receive(consumer: SurveyedConsumer): void {
    const { name, queue, kind, options, connection } = consumer;
    const channel = this.channels.queue(connection, queue);
    const taken = this.takenBy(consumer);
    const [first] = taken;
    this.operations[this.ids.of(name, queue)] = {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: `${name} handles queue ${queue}`,
      messages: taken.map(({ message }) => this.channels.carry(channel, message)),
      ...(kind === 'rpc' && first && this.replyOf(connection, first.message, first.reply)),
      bindings: { amqp: { ack: true, ...BINDING } },
      'x-nest-amqp': {
        handler: name,
        ...(kind === 'batch' && { batch: options.size }),
        retry: shownRetry(policyOf(consumer)),
      },
    };
  }

  /** Adds what the handlers of a server of the microservice transport take from its queue. */
  serve({ connection, server, handlers }: SurveyedTransport): void {
    const { queue, policy } = server;
    const channel = this.channels.queue(connection, queue);
    for (const handler of handlers) {
      const taken = handler.patterns.map((pattern) =>
        this.served(connection, server, handler, server.patternOf(pattern)),
      );
      const [first] = taken;
      this.operations[this.ids.of(handler.name, queue)] = {
        action: 'receive',
        channel: { $ref: `#/channels/${channel}` },
        title: `${handler.name} handles ${handler.isEvent ? 'events' : 'requests'} of queue ${queue}`,
        messages: taken.map(({ message }) => this.channels.carry(channel, message)),
        ...(first && this.replyOf(connection, first.message, first.reply)),
        bindings: { amqp: { ack: policy !== undefined, ...BINDING } },
        'x-nest-amqp': {
          handler: handler.name,
          transport: 'microservice',
          // A request is answered, not retried.
          ...(policy && handler.isEvent && { retry: shownRetry(policy) }),
        },
      };
    }
  }

  /** Returns the message of one pattern: a packet with the pattern and the data. */
  private served(
    connection: SurveyedConnection,
    server: SurveyedTransport['server'],
    handler: PatternHandler,
    pattern: string,
  ): Agreed {
    const { isEvent } = handler;
    const to = server.placeOf(pattern);
    const place = [to?.exchange ?? server.queue, pattern];
    const identity = { event: pattern, ...(to ?? { queue: server.queue }) };
    const [data, wrap] = server.isCustom ? [undefined, undefined] : [dataOf(handler), requestPacket(pattern, isEvent)];
    const message = this.messages.add(place, { part: isEvent ? 'event' : 'request', ...identity }, data, wrap);
    if (to) this.channels.carry(this.channels.exchange(connection, to.exchange, to.routingKey), message);
    if (isEvent) return { message, reply: undefined, routingKey: pattern };
    const [result, wrapped] = server.isCustom ? [undefined, undefined] : [resultOf(handler), replyPacket];
    const reply = this.messages.add([...place, 'reply'], { part: 'reply', ...identity }, result, wrapped);
    return { message, reply, routingKey: pattern };
  }

  private takenBy(consumer: SurveyedConsumer): readonly Agreed[] {
    const { contracted, connection } = consumer;
    if (!contracted) return this.guessed(consumer);
    const { contract, names } = contracted;
    return names.map((name) => {
      const agreed = this.agreed(contract, name);
      // The channel that publishers of other applications use.
      const source = this.channels.exchange(connection, contract.exchange, agreed.routingKey);
      this.channels.carry(source, agreed.message);
      return agreed;
    });
  }

  private agreed(contract: EventContract | RpcContract, name: string): Agreed {
    const { exchange } = contract;
    const { routingKey, headers } = contract.routeOf(name);
    const add = (part: ContractPart, schema: ContractSchema): string => {
      const identity: MessageIdentity = { part, event: name, exchange, routingKey, ...(headers && { headers }) };
      return this.messages.add([exchange, name, part === 'event' ? '' : part], identity, { schema });
    };
    if (contract instanceof EventContract) {
      return { message: add('event', contract.schemas[name]!), reply: undefined, routingKey };
    }
    const { request, reply } = contract.schemas[name]!;
    return { message: add('request', request), reply: add('reply', reply), routingKey };
  }

  /** Returns the messages of a handler without a contract: one for each exchange and routing key, else one of its queue. */
  private guessed(consumer: SurveyedConsumer): readonly Agreed[] {
    const { queue, kind, options, connection } = consumer;
    const { routingKey: keys } = options as SelectionOptions;
    const payload = payloadOf(consumer);
    const part = kind === 'rpc' ? 'request' : 'event';
    const sources = (keys === undefined ? [] : listOf(keys))
      .filter((key) => !hasWildcards(key))
      .flatMap((routingKey) => sourcesOf(connection, queue, routingKey).map((source) => ({ source, routingKey })));
    const add = (place: readonly string[], identity: Omit<MessageIdentity, 'part'>): Agreed => ({
      message: this.messages.add(place, { part, ...identity }, payload),
      reply: kind === 'rpc' ? this.replyTo(place, identity, resultOf(consumer.host)) : undefined,
      routingKey: identity.routingKey ?? queue,
    });
    if (sources.length > 0) {
      return sources.map(({ source, routingKey }) => {
        const agreed = add([source, routingKey], { event: routingKey, exchange: source, routingKey });
        this.channels.carry(this.channels.exchange(connection, source, routingKey), agreed.message);
        return agreed;
      });
    }
    const selected = selectorsOf(options as SelectionOptions);
    return (selected.length > 0 ? selected : [queue]).map((event) =>
      add([queue, event === queue ? '' : event], { event, queue }),
    );
  }

  private replyTo(place: readonly string[], identity: Omit<MessageIdentity, 'part'>, result: Payload): string {
    return this.messages.add([...place, 'reply'], { part: 'reply', ...identity }, result);
  }

  private replyOf(
    connection: SurveyedConnection,
    message: string,
    reply: string | undefined,
  ): Pick<OperationObject, 'reply'> {
    if (reply === undefined) return {};
    const channel = this.channels.replies(connection, message);
    const messages: readonly Reference[] = [this.channels.carry(channel, reply)];
    const address = { location: '$message.header#/replyTo' } as const;
    return { reply: { address, channel: { $ref: `#/channels/${channel}` }, messages } };
  }
}

/** Returns the exchanges from which messages with a routing key come to a queue. */
function sourcesOf({ bindings }: SurveyedConnection, queue: string, key: string): readonly string[] {
  const matching = bindings.filter(
    ({ destinationKind, destination, routingKey }) =>
      destinationKind === 'queue' && destination === queue && matchesTopic(routingKey, key),
  );
  return [...new Set(matching.map(({ source }) => source))];
}

/** Returns the keys, types or values of a header by which a handler is selected. */
function selectorsOf({ routingKey, type, header }: SelectionOptions): readonly string[] {
  return [routingKey, type, ...Object.values(header ?? {})].flatMap((given) =>
    given === undefined ? [] : listOf(given),
  );
}

function shownRetry({ attempts, levels, end }: Pick<RetryPolicy, 'attempts' | 'levels' | 'end'>): object {
  return { attempts: attempts === Infinity ? 'unlimited' : attempts, delays: levels, then: end };
}
