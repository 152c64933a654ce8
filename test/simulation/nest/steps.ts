import type { Scenario, TimedStep } from '../engine/world.js';
import type { Weather, WireFault } from '../engine/wire.js';

/** What a handler does with one attempt at a message. */
export interface Act {
  readonly do:
    /** Returns; with `ack: 'manual'` it acks. */
    | 'ok'
    /** Throws an error of its own. */
    | 'throw'
    /** Throws `RejectMessage`. */
    | 'reject'
    /** Throws `RetryMessage`, after `delay` or the policy's own. */
    | 'retry'
    /** Throws `RequeueMessage`, `times` times; then it returns. */
    | 'requeue'
    /** Never reached: the pipe refuses it. */
    | 'refuse'
    /** Settles it by hand, and then throws. */
    | 'settleAndThrow'
    /** By hand, where it may: given back once, or refused. */
    | 'nack'
    | 'rejectByHand'
    /** Of a batch: the whole handler throws. */
    | 'throwAll'
    /** Does not return until somebody lets go, or peace comes. */
    | 'hang';
  /** ms until it does so; 0 within the call. */
  readonly after: number;
  /** Of `retry`, ms. */
  readonly delay?: number;
  readonly times?: number;
}

/** What attempt 1, 2, … at a message does; the last goes on for all later ones. */
export type Plan = readonly Act[];

/** Queues that users publish to, with a consumer of each kind. */
export type Target = 'work' | 'hand' | 'batch' | 'price' | 'mine' | 'micro';

export interface PublishSettings {
  readonly to: Target;
  /** By the exchange that the queue is bound to, or to the queue. */
  readonly exchange?: boolean;
  readonly count: number;
  readonly plan: Plan;
  /** Bytes that are no JSON. */
  readonly bad?: boolean;
  /** Bytes of the payload beside what it says. */
  readonly size?: number;
  readonly timeout?: number;
  readonly abortAfter?: number;
  /** To a routing key that leads nowhere. */
  readonly nowhere?: boolean;
  readonly transient?: boolean;
  /** `messageId` is drawn by the publisher. */
  readonly noId?: boolean;
}

/** Which of an application's connections: of each pair the n-th that is open. */
interface OnWire {
  readonly app: number;
  readonly nth: number;
}

/** `app` names a slot, in which one application runs after the other; a step for something that is not there does nothing. */
export type Step = TimedStep &
  (
    | { readonly kind: 'boot'; readonly app: number }
    | { readonly kind: 'shutDown'; readonly app: number }
    | { readonly kind: 'publish'; readonly app: number; readonly what: PublishSettings }
    | { readonly kind: 'request'; readonly app: number; readonly what: PublishSettings }
    | { readonly kind: 'pause'; readonly app: number; readonly queue?: Target }
    | { readonly kind: 'resume'; readonly app: number; readonly queue?: Target }
    | { readonly kind: 'redrive'; readonly app: number; readonly queue: Target; readonly limit?: number }
    | { readonly kind: 'listParked'; readonly app: number; readonly queue: Target }
    | { readonly kind: 'letGo' }
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
    /** `key`: of publishes to this queue, a retry's or a parked message's. */
    | { readonly kind: 'nackNext'; readonly count: number; readonly key?: string }
    | { readonly kind: 'returnNext'; readonly count: number; readonly key?: string }
    | { readonly kind: 'cancelConsumers'; readonly queue?: Target }
    /** By an operator, with all that is in it. */
    | { readonly kind: 'deleteQueue'; readonly queue: string }
    /** By an operator, who declares it otherwise, and deletes it again after `ms`. */
    | { readonly kind: 'usurp'; readonly queue: string; readonly ms: number }
    | { readonly kind: 'drop'; readonly how: 'close' | 'end' | 'reset' | 'mid-frame' }
    | { readonly kind: 'stall'; readonly ms: number }
    | { readonly kind: 'lag'; readonly by: number; readonly ms: number }
    | { readonly kind: 'refuseLogins'; readonly count: number }
  );

export type StepKind = Step['kind'];

/** Steps of users. All others break something. */
export const USERS: ReadonlySet<StepKind> = new Set<StepKind>([
  'boot', 'shutDown', 'publish', 'request', 'pause', 'resume', 'redrive', 'listParked', 'letGo', 'serve', 'closeServer', 'emit', 'send', 'closeClient',
]); // prettier-ignore

export type Of<K extends StepKind> = Extract<Step, { readonly kind: K }>;

/** Of all applications of a run. */
export interface NestSettings extends Readonly<Record<string, unknown>> {
  /** Seconds. */
  readonly heartbeat: number;
  readonly rpcTimeout: number;
  readonly startup: 'wait' | 'background';
  readonly startupTimeout: number;
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
  /** Nothing breaks, but for what users do: then everybody has to be in time. */
  readonly calm: boolean;
  /** What happens to the first publish of each queue's last redrive. */
  readonly lastRedrive: 'well' | 'nacked' | 'returned';
  /** Applications listen, and may be shut down while they boot. */
  readonly listening: boolean;
  /** Handlers of services are methods of controllers. */
  readonly controllers: boolean;
  /** ms that a handler may run; 0 for no limit. */
  readonly timeout: number;
  /** Ms until peace comes. */
  readonly duration: number;
}

export interface NestScenario extends Scenario<Step> {
  readonly settings: NestSettings;
}

/** Weather in which nothing is lost on the way. */
export const FAIR_WEATHER: Weather = { latency: [0.5, 1], chunk: 0, bandwidth: 0 };

/** Retries wait so long, ms. */
export const BACKOFF = { fixed: 300, initial: 100, max: 1_000 } as const;

/** Queues whose messages survive all that happens. */
export const DURABLE: readonly Target[] = ['work', 'hand', 'batch', 'price', 'micro'];

/** Where rejected messages go. */
export const DEAD = 'dead';
