import type { Scenario, TimedStep } from '../engine/world.js';
import type { Weather, WireFault } from '../engine/wire.js';

/** The treatment of deliveries by a consumer's handler. */
export interface Treatment {
  readonly settle:
    | 'ack'
    | 'multiple'
    | 'mixed'
    | 'reverse'
    | 'nackOnce'
    | 'reject'
    | 'hold'
    | 'twice'
    | 'stale'
    | 'staleNack'
    | 'closeChannel'
    | 'cancelInside';
  /** Delay before the handler settles, ms; 0 for settling within its call. */
  readonly delay: number;
  /** The handler throws before it settles, once in this number of deliveries; 0 for never. */
  readonly throws: number;
  /** The handler throws or settles within its call; otherwise after a promise. */
  readonly sync: boolean;
  /** Number of deliveries that the handler settles together. */
  readonly gather: number;
  /** The handler settles the first delivery in a promise and all others within the call. */
  readonly asyncFirst?: boolean;
}

export interface ConsumeSettings {
  readonly noAck?: boolean;
  readonly exclusive?: boolean;
  readonly prefetch?: number;
  readonly concurrency?: number;
  readonly tag?: boolean;
  /** The consumer has an `onCancel`. */
  readonly onCancel?: boolean;
  readonly timeout?: number;
  readonly abortAfter?: number;
}

export interface ChannelSettings {
  readonly confirm?: boolean;
  readonly prefetch?: number;
  readonly restore?: boolean;
  readonly restoreAttempts?: number;
  readonly publishTimeout?: number;
  readonly maxUnconfirmed?: number;
  readonly maxUnconfirmedBytes?: number;
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
  readonly whenUnavailable?: 'fail';
  readonly republishUnconfirmed?: boolean;
  /** The action of a listener when the channel is restored or the connection is unblocked. */
  readonly listener?: 'abort' | 'publish' | 'throw' | 'close';
  readonly timeout?: number;
  readonly abortAfter?: number;
  /** The user uses the channel before it is open: `connection.channel()` instead of `openChannel()`. */
  readonly early?: boolean;
}

export interface PublishSettings {
  readonly exchange: string;
  readonly key: string;
  readonly count: number;
  readonly size: number;
  readonly mandatory?: boolean;
  readonly transient?: boolean;
  readonly noId?: boolean;
  readonly timeout?: number;
  readonly abortAfter?: number;
  /** Bytes of a header. */
  readonly header?: number;
  /** Publishes the same content twice, first not mandatory, then mandatory. */
  readonly twins?: boolean;
}

/** The behaviour of a function `credentials` that is out of order. */
export type TokenFault = 'throws' | 'hangs' | 'slow' | 'expired' | 'refused';

export type TrapAct = 'stall' | 'reset' | 'freeze' | 'brokerClosesChannel';

/** `conn`, `ch` and `slot` select an object that exists at that time. A step for a missing object does nothing. */
export type Step = TimedStep &
  (
    | {
        readonly kind: 'connect';
        readonly conn: number;
        readonly resolver?: number;
        readonly timeout?: number;
        readonly abortAfter?: number;
        /** The user uses the connection before it is open: `createConnection()` instead of `connect()`. */
        readonly early?: boolean;
      }
    | { readonly kind: 'closeConnection'; readonly conn: number; readonly timeout?: number }
    | { readonly kind: 'openChannel'; readonly conn: number; readonly ch: number; readonly settings: ChannelSettings }
    | { readonly kind: 'closeChannel'; readonly conn: number; readonly ch: number; readonly timeout?: number }
    | { readonly kind: 'publish'; readonly conn: number; readonly ch: number; readonly what: PublishSettings }
    | { readonly kind: 'waitForConfirms'; readonly conn: number; readonly ch: number; readonly timeout: number }
    | {
        readonly kind: 'declareQueue';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly differently?: boolean;
        readonly timeout?: number;
      }
    | {
        readonly kind: 'deleteQueue';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly timeout?: number;
      }
    | { readonly kind: 'purgeQueue'; readonly conn: number; readonly ch: number; readonly queue: string }
    | {
        readonly kind: 'declareExchange';
        readonly conn: number;
        readonly ch: number;
        readonly exchange: string;
        readonly differently?: boolean;
      }
    | { readonly kind: 'deleteExchange'; readonly conn: number; readonly ch: number; readonly exchange: string }
    | {
        readonly kind: 'bind';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly exchange: string;
        readonly key: string;
        readonly args?: number;
      }
    | {
        readonly kind: 'unbind';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly exchange: string;
        readonly key: string;
        readonly args?: number;
      }
    | {
        readonly kind: 'consume';
        readonly conn: number;
        readonly ch: number;
        readonly slot: number;
        readonly queue: string;
        readonly settings: ConsumeSettings;
        readonly treatment: Treatment;
      }
    | {
        readonly kind: 'iterate';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly settings: ConsumeSettings;
        readonly treatment: Treatment;
        readonly breakAfter: number;
      }
    | {
        readonly kind: 'cancel';
        readonly conn: number;
        readonly ch: number;
        readonly slot: number;
        readonly timeout?: number;
        readonly abortAfter?: number;
      }
    | {
        readonly kind: 'get';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly noAck?: boolean;
        readonly timeout?: number;
        readonly abortAfter?: number;
      }
    | {
        readonly kind: 'settleHeld';
        readonly conn: number;
        readonly ch: number;
        readonly how: 'ack' | 'nack' | 'multiple';
      }
    | {
        readonly kind: 'qos';
        readonly conn: number;
        readonly ch: number;
        readonly count: number;
        readonly global?: boolean;
      }
    | { readonly kind: 'confirmSelect'; readonly conn: number; readonly ch: number }
    | { readonly kind: 'recover'; readonly conn: number; readonly ch: number; readonly async?: boolean }
    | { readonly kind: 'flow'; readonly conn: number; readonly ch: number }
    | {
        readonly kind: 'transaction';
        readonly conn: number;
        readonly queue: string;
        readonly count: number;
        readonly get?: boolean;
        readonly rollback?: boolean;
      }
    | { readonly kind: 'drainEvents'; readonly conn: number; readonly timeout: number }
    | { readonly kind: 'updateSecret'; readonly conn: number }
    | {
        readonly kind: 'channelError';
        readonly conn: number;
        readonly ch: number;
        readonly how: 'missingQueue' | 'missingExchange' | 'different' | 'publish';
      }
    | {
        readonly kind: 'bindExchange';
        readonly conn: number;
        readonly ch: number;
        readonly from: string;
        readonly to: string;
        readonly key: string;
      }
    | {
        readonly kind: 'unbindExchange';
        readonly conn: number;
        readonly ch: number;
        readonly from: string;
        readonly to: string;
        readonly key: string;
      }
    | (WireFault & { readonly conn: number })
    | { readonly kind: 'brokerClosesChannel'; readonly conn: number; readonly ch: number }
    | {
        readonly kind: 'flood';
        readonly conn: number;
        readonly ch: number;
        readonly queue: string;
        readonly count: number;
        readonly how: 'handler' | 'loop';
      }
    | { readonly kind: 'weather'; readonly weather: Weather }
    | { readonly kind: 'nodeDown'; readonly node: number; readonly silent?: boolean }
    | { readonly kind: 'nodeUp'; readonly node: number }
    | { readonly kind: 'crash'; readonly forget?: boolean; readonly ms: number }
    | { readonly kind: 'shutDown'; readonly ms: number }
    | { readonly kind: 'smaller'; readonly channelMax: number; readonly frameMax: number }
    | { readonly kind: 'block'; readonly ms: number }
    | { readonly kind: 'nackNext'; readonly count: number; readonly after?: number }
    /** `after`: number of publishes that the broker takes normally before. */
    | { readonly kind: 'returnNext'; readonly count: number; readonly after?: number }
    | { readonly kind: 'putIn'; readonly queue: string; readonly count: number }
    /** Queues have no leader for `ms`: the broker refuses all publishes of a channel that opens meanwhile. */
    | { readonly kind: 'loseLeader'; readonly ms: number }
    /** Something breaks when such a method of this connection comes next. */
    | {
        readonly kind: 'trap';
        readonly conn: number;
        readonly method: string;
        readonly act: TrapAct;
        readonly ms: number;
      }
    | { readonly kind: 'cancelConsumers'; readonly queue?: string }
    | { readonly kind: 'drop'; readonly how: 'close' | 'end' | 'reset' | 'mid-frame' }
    | { readonly kind: 'stall'; readonly ms: number }
    | { readonly kind: 'lag'; readonly by: number; readonly ms: number }
    | { readonly kind: 'corruptFrame' }
    | { readonly kind: 'refuseLogins'; readonly count: number }
    /** All functions `credentials` misbehave for `ms`. */
    | { readonly kind: 'tokens'; readonly fault: TokenFault; readonly ms: number }
    | { readonly kind: 'closeAtOnce'; readonly count: number; readonly how: 'close' | 'end' }
  );

export type StepKind = Step['kind'];

/** Steps of one kind. */
export type StepOf<K extends StepKind> = Extract<Step, { readonly kind: K }>;

/** Settings of all connections of a run. */
export interface CoreSettings extends Readonly<Record<string, unknown>> {
  readonly nodes: number;
  /** Heartbeat of the client, seconds. */
  readonly heartbeat: number;
  readonly rpcTimeout: number;
  readonly connectTimeout: number;
  readonly frameMax: number;
  readonly writeBufferSize: number;
  readonly reconnect: { readonly initialDelay: number; readonly maxDelay: number; readonly attempts?: number } | false;
  readonly maxMessageSize: number;
  /** `maxHeldBytes` of the client. Default: the client's default. */
  readonly maxHeldBytes?: number;
  /** The socket is a pipe in the process: the broker answers within the client's write. */
  readonly answersWithinWrite?: true;
  /**
   * Users log in with tokens that live for `lifetime` ms. The broker closes the connection when its token expires, or goes
   * on.
   */
  readonly tokens?: { readonly lifetime: number; readonly closes: boolean };
  /** The logger throws now and then. */
  readonly logger?: 'throws';
  /** Time until peace, ms. */
  readonly duration: number;
}

export interface CoreScenario extends Scenario<Step> {
  readonly settings: CoreSettings;
}

/** Durable queues that no step deletes. No message that is confirmed for them may be lost. */
export const SAFE_QUEUES = ['safe0', 'safe1', 'safe2'] as const;
export const QUEUES = [
  ...SAFE_QUEUES,
  'brief0',
  'brief1',
  'auto0',
  'auto1',
  'mine0',
  'mine1',
  'named0',
  'named1',
] as const;
export const EXCHANGES = ['direct0', 'fanout0', 'topic0', 'auto-ex0', 'headers0', 'brief-ex0'] as const;

/** Weather with a fast network. */
export const FAIR_WEATHER: Weather = { latency: [0.5, 1], chunk: 0, bandwidth: 0 };

/** Returns the options with which a queue of this name is declared. */
export function queueOptions(queue: string): { durable?: boolean; exclusive?: boolean; autoDelete?: boolean } {
  if (queue.startsWith('auto')) return { durable: false, autoDelete: true };
  if (queue.startsWith('mine')) return { exclusive: true };
  if (queue.startsWith('named')) return { exclusive: true, autoDelete: true };
  return { durable: true };
}

export function exchangeType(exchange: string): string {
  if (exchange.startsWith('fanout')) return 'fanout';
  if (exchange.startsWith('topic')) return 'topic';
  if (exchange.startsWith('headers')) return 'headers';
  return 'direct';
}
