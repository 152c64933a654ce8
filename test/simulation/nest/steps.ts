import type { ConsumerLimits } from '../../../src/index.js';
import type { Scenario, TimedStep } from '../engine/world.js';
import type { Weather, WireFault } from '../engine/wire.js';

/** The act of a handler in one attempt at a message. */
export interface Act {
  readonly do:
    /** Returns; with `ack: 'manual'` it acks. */
    | 'ok'
    /** Throws an ordinary error. */
    | 'throw'
    /** Throws `RejectMessage`. */
    | 'reject'
    /** Throws `RetryMessage`, with `delay` or the delay of the policy. */
    | 'retry'
    /** Throws `RequeueMessage`, `times` times; then it returns. */
    | 'requeue'
    /** The pipe refuses the message, so the handler is not called. */
    | 'refuse'
    /** Settles the message by hand, and then throws. */
    | 'settleAndThrow'
    /** Nacks by hand, if the consumer is manual: requeues once, or rejects. */
    | 'nack'
    | 'rejectByHand'
    /** The whole handler of a batch throws. */
    | 'throwAll'
    /** Does not return until a step lets it go or peace comes. */
    | 'hang';
  /** Delay of the act, ms; 0 for within the call. */
  readonly after: number;
  /** Delay of `retry`, ms. */
  readonly delay?: number;
  readonly times?: number;
}

/** The acts of attempts 1, 2, … at a message. The last one holds for all later attempts. */
export type Plan = readonly Act[];

/** Queues that users publish to, with a consumer of each kind. */
export type Target = 'work' | 'hand' | 'batch' | 'price' | 'mine' | 'micro';

export interface PublishSettings {
  readonly to: Target;
  /** Publishes to the exchange that the queue is bound to, instead of to the queue. */
  readonly exchange?: boolean;
  readonly count: number;
  readonly plan: Plan;
  /** The body is no JSON. */
  readonly bad?: boolean;
  /** Extra bytes of the payload. */
  readonly size?: number;
  readonly timeout?: number;
  readonly abortAfter?: number;
  /** Publishes with a routing key without a queue. */
  readonly nowhere?: boolean;
  readonly transient?: boolean;
  /** The publisher makes the `messageId`. */
  readonly noId?: boolean;
  /** The broker keeps the message for that time, ms. */
  readonly delay?: number;
}

/** Selects a connection of an application: the n-th open one of each pair. */
interface OnWire {
  readonly app: number;
  readonly nth: number;
}

/** `app` selects a slot, in which one application runs after the other. A step for a missing object does nothing. */
export type Step = TimedStep &
  (
    | { readonly kind: 'boot'; readonly app: number }
    | { readonly kind: 'shutDown'; readonly app: number }
    | { readonly kind: 'publish'; readonly app: number; readonly what: PublishSettings }
    | { readonly kind: 'request'; readonly app: number; readonly what: PublishSettings }
    | { readonly kind: 'pause'; readonly app: number; readonly queue?: Target }
    | { readonly kind: 'resume'; readonly app: number; readonly queue?: Target }
    /** A queue with one handler at a time gets other limits. */
    | { readonly kind: 'adjust'; readonly app: number; readonly queue: Target; readonly limits: ConsumerLimits }
    | { readonly kind: 'redrive'; readonly app: number; readonly queue: Target; readonly limit?: number }
    | { readonly kind: 'listParked'; readonly app: number; readonly queue: Target }
    | { readonly kind: 'letGo' }
    /** A queue and its consumer come at run time, and go after `ms`; without `ms` they stay. */
    | { readonly kind: 'tenant'; readonly app: number; readonly ms?: number }
    | { readonly kind: 'serve'; readonly app: number }
    | { readonly kind: 'closeServer'; readonly app: number }
    | { readonly kind: 'emit'; readonly app: number; readonly what: PublishSettings }
    | { readonly kind: 'send'; readonly app: number; readonly what: PublishSettings; readonly leaveAfter?: number }
    | { readonly kind: 'closeClient'; readonly app: number }
    | (WireFault & OnWire)
    | { readonly kind: 'weather'; readonly weather: Weather }
    | { readonly kind: 'crash'; readonly ms: number }
    | { readonly kind: 'stopBroker'; readonly ms: number }
    | { readonly kind: 'block'; readonly ms: number }
    /** `key`: only publishes to this queue, which is a retry queue or a parked queue. */
    | { readonly kind: 'nackNext'; readonly count: number; readonly key?: string }
    | { readonly kind: 'returnNext'; readonly count: number; readonly key?: string }
    | { readonly kind: 'cancelConsumers'; readonly queue?: Target }
    /** An operator deletes a queue with its messages. */
    | { readonly kind: 'deleteQueue'; readonly queue: string }
    /** An operator declares a queue with other properties, and deletes it after `ms`. */
    | { readonly kind: 'usurp'; readonly queue: string; readonly ms: number }
    | { readonly kind: 'drop'; readonly how: 'close' | 'end' | 'reset' | 'mid-frame' }
    | { readonly kind: 'stall'; readonly ms: number }
    | { readonly kind: 'lag'; readonly by: number; readonly ms: number }
    | { readonly kind: 'refuseLogins'; readonly count: number }
  );

export type StepKind = Step['kind'];

/** Steps of users. All others break something. */
export const USERS: ReadonlySet<StepKind> = new Set<StepKind>([
  'boot', 'shutDown', 'publish', 'request', 'pause', 'resume', 'adjust', 'redrive', 'listParked', 'letGo', 'tenant', 'serve', 'closeServer', 'emit', 'send', 'closeClient',
]); // prettier-ignore

export type Of<K extends StepKind> = Extract<Step, { readonly kind: K }>;

/** Settings of all applications of a run. */
export interface NestSettings extends Readonly<Record<string, unknown>> {
  /** Seconds. */
  readonly heartbeat: number;
  readonly rpcTimeout: number;
  readonly startup: 'wait' | 'background';
  readonly startupTimeout: number;
  /** The number of confirms and returns on each of which an application publishes another message. */
  readonly echoes: number;
  /** Time that a payload takes to be decoded, ms; 0: it is decoded at once. */
  readonly decoding: number;
  /** ms. */
  readonly gracePeriod: number;
  readonly prefetch: number;
  readonly concurrency: number;
  readonly attempts: number;
  /** ms. */
  readonly backoff: 'fixed' | 'exponential';
  readonly then: 'park' | 'dead-letter' | 'discard';
  readonly batch: { readonly size: number; readonly maxWait: number; readonly concurrency: number };
  readonly publishTimeout: number;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  /** Bytes of bodies. */
  readonly maxInFlightBytes: number;
  readonly maxWaitingBytes: number;
  readonly republishUnconfirmed: boolean;
  readonly whenUnavailable: 'wait' | 'fail';
  /** The queues are quorum queues. */
  readonly quorum: boolean;
  /** Nothing breaks except by steps of users, so all deadlines are tight. */
  readonly calm: boolean;
  /** The outcome of the first publish of each queue's last redrive. */
  readonly lastRedrive: 'well' | 'nacked' | 'returned';
  /** Applications listen, and may be shut down while they boot. */
  readonly listening: boolean;
  /** The queue of services is an operator's: they take it as it is, and bind it to an exchange that clients publish to. */
  readonly taken: boolean;
  /** Handlers of services are methods of controllers. */
  readonly controllers: boolean;
  /** Time limit of handlers, ms; 0 for none. */
  readonly timeout: number;
  /** Time until peace, ms. */
  readonly duration: number;
}

export interface NestScenario extends Scenario<Step> {
  readonly settings: NestSettings;
}

/** Weather with a fast network. */
export const FAIR_WEATHER: Weather = { latency: [0.5, 1], chunk: 0, bandwidth: 0 };

/** Delays of retries, ms. */
export const BACKOFF = { fixed: 300, initial: 100, max: 1_000 } as const;

/** The exchange that queues are bound to by their names. */
export const EXCHANGE = 'letters';
/** The routing key of every other message of the queue `work`, which has a handler of its own. */
export const ODD = 'work.odd';

/** Queues whose messages survive all faults. */
export const DURABLE: readonly Target[] = ['work', 'hand', 'batch', 'price', 'micro'];

/** The queue of rejected messages. */
export const DEAD = 'dead';
